"""What a caller sees and may call: lists without the rest and refused calls, whatever the transport."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import structlog
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY

from gateway.mcp_tools.asking import Caller
from gateway.mcp_tools.prompts import PROMPTS
from gateway.mcp_tools.resources import SCOPE_OF_SCHEME, TEMPLATES
from gateway.mcp_tools.terms import Terms

log = structlog.get_logger(__name__)

REVISIONS_MAX: Final = 16
_NO_TOOL: Final = "There is no such tool for this key; tools/list names those there are."
_NO_RESOURCE: Final = "There is no such resource for this key; resources/templates/list names the forms there are."
_NO_ARGUMENTS: Final = "These arguments are not what the prompt takes; prompts/list names them."
_NOBODY_TO_ASK: Final = (
    "This tool asks a person first, and this client cannot ask: it needs elicitation, over HTTP in revision 2026-07-28 of the "
    "protocol or later. Nothing was done."
)
_NO_PROMPT: Final = "There is no such prompt for this key; prompts/list names those there are."


@dataclass(frozen=True, slots=True)
class Scoped:
    """Middleware of the SDK's server: filters the lists, refuses the calls, and logs each with who made it.

    What is unknown and what is beyond the caller's scopes are the same to the caller (JSON-RPC −32602). `also` names what a
    build adds to the tools of the table, for everybody.
    """

    caller: Callable[[], Caller]
    offered: Mapping[str, Terms]
    also: frozenset[str] = frozenset()
    _lists: dict[str, HandlerResult] = field(default_factory=dict)
    """By revision of the protocol: the tools do not change while a process lives, and building their list costs milliseconds."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        match ctx.method:
            case "tools/list":
                return self._only(await self._listed(ctx, call_next), "tools", "name", self._may_call)
            case "resources/templates/list":
                return self._only(await call_next(ctx), "resourceTemplates", "uriTemplate", self._may_use_template)
            case "prompts/list":
                return self._only(await call_next(ctx), "prompts", "name", self._may_prompt)
            case "tools/call":
                return await self._asked(ctx, call_next, "name", self._may_call, _NO_TOOL)
            case "resources/read":
                return await self._asked(ctx, call_next, "uri", self._may_read, _NO_RESOURCE)
            case "prompts/get":
                return await self._asked(ctx, call_next, "name", self._may_prompt, _NO_PROMPT)
            case _:
                return await call_next(ctx)

    async def _listed(self, context: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        revision = str(context.protocol_version)
        if revision not in self._lists and len(self._lists) < REVISIONS_MAX:
            self._lists[revision] = await call_next(context)
        return self._lists[revision] if revision in self._lists else await call_next(context)

    async def _asked(
        self,
        context: ServerRequestContext[Any, Any],
        call_next: CallNext,
        named: str,
        may: Callable[[str], bool],
        refusal: str,
    ) -> HandlerResult:
        name = (context.params or {}).get(named)
        if not isinstance(name, str) or not may(name):
            data = {"uri": name} if named == "uri" and isinstance(name, str) else None
            raise MCPError(code=INVALID_PARAMS, message=refusal, data=data)
        started = monotonic()
        failed = True
        try:
            result = await call_next(context)
            failed = isinstance(result, dict) and result.get("isError") is True
            return result
        except MCPError as refused:
            if isinstance(refused, NoBackChannelError) or refused.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY:
                raise MCPError(code=refused.error.code, message=_NOBODY_TO_ASK, data=refused.error.data) from None
            raise
        except Exception as failure:  # the SDK would tell the caller what it says
            log.error("mcp.failed", method=context.method, error=type(failure).__name__)
            if context.method == "prompts/get" and isinstance(failure, ValueError):
                raise MCPError(code=INVALID_PARAMS, message=_NO_ARGUMENTS) from None
            raise MCPError(
                code=INTERNAL_ERROR, message="It could not be answered; the gateway's log says why."
            ) from None
        finally:
            log.info(
                "mcp.call",
                method=context.method,
                name=name[:200],
                key_id=self.caller().key_id,
                failed=failed,
                ms=round((monotonic() - started) * 1_000, 1),
            )

    def _only(self, listed: HandlerResult, kind: str, name: str, may: Callable[[str], bool]) -> HandlerResult:
        assert isinstance(listed, dict), "a result is in its wire form when it passes the middleware"
        return {**listed, kind: [entry for entry in listed[kind] if may(entry[name])]}

    def _may_call(self, name: str) -> bool:
        terms = self.offered.get(name)
        return name in self.also or (terms is not None and terms.scope in self.caller().scopes)

    def _may_use_template(self, uri: str) -> bool:
        return uri in self.also or (uri in TEMPLATES and TEMPLATES[uri].scope in self.caller().scopes)

    def _may_read(self, uri: str) -> bool:
        scheme = uri.partition(":")[0]
        return scheme in self.also or SCOPE_OF_SCHEME.get(scheme) in self.caller().scopes

    def _may_prompt(self, name: str) -> bool:
        return name in self.also or (name in PROMPTS and PROMPTS[name].scope in self.caller().scopes)
