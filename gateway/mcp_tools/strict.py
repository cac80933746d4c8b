"""Tools whose arguments are exactly what the schema says, whose errors tell an agent what to do next, whose words are masked.

What an agent is told goes into a prompt and from there to a model: in each answer and each error card, phone and account
numbers, addresses and handles are masked, also where they are the id of a wallet or a counterparty; only what the caller's
own arguments name is shown.

The SDK ignores arguments it does not know, repeats refused values in its error text, and hides the reason of our own
errors; an agent that misspelt a filter would read an answer to another question.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from gateway.errors import GatewayError, Refusal
from gateway.masking import hidden_in, mask, mask_all


class _Exact(ArgModelBase):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class StrictTool(Tool):
    """A tool of ours."""

    @classmethod
    def asking(cls, ask: Callable[..., Awaitable[BaseModel]], annotations: ToolAnnotations) -> Self:
        """The tool that asks: its name, description, arguments and output come from the function."""
        loose = Tool.from_function(ask, annotations=annotations, structured_output=True)
        lenient = loose.fn_metadata.arg_model
        exact = create_model(lenient.__name__, __base__=(lenient, _Exact))
        fields = {name: getattr(loose, name) for name in Tool.model_fields}
        fields["fn_metadata"] = loose.fn_metadata.model_copy(
            update={"arg_model": exact, "output_schema": _untitled(loose.fn_metadata.output_schema)}
        )
        fields["fn"] = _masking(ask)
        fields["description"] = " ".join(loose.description.split())
        fields["parameters"] = _untitled(exact.model_json_schema(by_alias=True))
        return cls(**fields)

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """As the SDK's, with errors that a caller can act on. Raises `ToolError`."""
        try:
            return await super().run(arguments, context, convert_result=convert_result)
        except ToolError as failed:
            told = told_of(failed.__cause__)
            if told is None:
                raise
            raise ToolError(mask(told, shown=_named_in(arguments))) from None


def _untitled(schema: Any) -> Any:
    """The schema without the titles that pydantic makes from the names: a quarter of what every listing sends."""
    match schema:
        case dict():
            return {
                key: _untitled(inner) for key, inner in schema.items() if key != "title" or not isinstance(inner, str)
            }
        case list():
            return [_untitled(inner) for inner in schema]
        case _:
            return schema


def _masking(ask: Callable[..., Awaitable[BaseModel]]) -> Callable[..., Awaitable[BaseModel]]:
    """The one place that every answer passes: the same function, its answer masked."""

    async def ask_masked(**arguments: Any) -> BaseModel:
        found = await ask(**arguments)
        return masked(found, arguments)

    return ask_masked


def masked(found: BaseModel, arguments: Mapping[str, Any]) -> BaseModel:
    """The answer without what identifies a person, but for what the arguments name."""
    return type(found).model_validate(mask_all(found.model_dump(mode="json"), shown=_named_in(arguments)))


def _named_in(arguments: Mapping[str, Any]) -> frozenset[str]:
    """What the caller wrote, and the parts of it that would be masked: it is no secret to the caller."""
    texts = [value for value in arguments.values() if isinstance(value, str)]
    return frozenset().union(*(hidden_in(text) for text in texts))


def told_of(cause: BaseException | None) -> str | None:
    """What to say about a failure; None for a crash, of which the SDK tells nothing."""
    match cause:
        case ValidationError():
            return "These arguments are not what the tool takes. " + _explained(cause)
        case Refusal():
            return str(cause)
        case GatewayError() if cause.retryable:
            return f"{cause} Nothing was changed."
        case _:
            return None


def _explained(refused: ValidationError) -> str:
    """Which argument is wrong and how, without repeating what was sent: not the value, nor the name of an unknown one."""
    problems = []
    for error in refused.errors(include_input=False, include_url=False):
        if error["type"] == "extra_forbidden":
            problems.append("an argument that the tool does not have")
        else:
            problems.append(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}")
    return "; ".join(dict.fromkeys(problems)) + "."
