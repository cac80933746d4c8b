"""/mcp: streamable HTTP with bearer keys. Our gate stands in front; the SDK behind it checks the key once more."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, ValidationError
from starlette.routing import Route

from gateway.access.door import Door
from gateway.access.keyring import KeyRing
from gateway.clock import Clock, system_clock
from gateway.encryption import Cipher
from gateway.errors import CannotStart, StoreUnavailable
from gateway.mcp_tools.asking import Around, Caller
from gateway.mcp_tools.gate import BODY_BYTES_MAX, Gate
from gateway.mcp_tools.server import Additions, build_mcp
from gateway.mcp_tools.terms import offered, scopes_of
from gateway.queries.reading import Database
from gateway.settings import Settings

PATH: Final = "/mcp"
_ANY_INTERFACE: Final = {"0.0.0.0", "::", ""}  # noqa: S104  (compared with, not bound to)


@dataclass(frozen=True, slots=True)
class McpEndpoint:
    """What the application mounts: its routes, and `running()`, once, around the time that it serves."""

    routes: list[Route]
    server: MCPServer[Any]

    def running(self) -> AbstractAsyncContextManager[None]:
        """The SDK's session manager; without it every request to /mcp fails."""
        return self.server.session_manager.run()


def mcp_endpoint(
    database: Callable[[], Database],
    door: Door,
    settings: Settings,
    cipher: Cipher,
    *,
    clock: Clock = system_clock,
    additions: Additions | None = None,
) -> McpEndpoint:
    """The endpoint at exactly `/mcp`, and the metadata that tells a client which scopes there are (RFC 9728).

    Raises `CannotStart` when `public_url` is no URL, and for toolsets there are not.
    """
    base = _base_url(settings)
    resource = AnyHttpUrl(f"{base}{PATH}")
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(base), resource_server_url=resource, required_scopes=[], validate_token_resource=True
    )
    verifier = KeyVerifier(door.keys, str(resource))
    around = Around(database, _bearer_caller, settings, cipher, clock)
    server = build_mcp(around, auth=auth, token_verifier=verifier, additions=additions)
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=False,
        max_request_body_size=BODY_BYTES_MAX,
        transport_security=_allowed_hosts(settings),
    )
    tools = offered(settings)
    scopes = scopes_of(tools)
    gate = Gate(inner, door, settings.body_timeout_s, str(build_resource_metadata_url(resource)), tools)
    metadata = create_protected_resource_routes(resource, [AnyHttpUrl(base)], scopes, "Auto-Pay Gateway")
    return McpEndpoint([Route(PATH, gate), *metadata], server)


@dataclass(frozen=True, slots=True)
class KeyVerifier:
    """The SDK's `TokenVerifier`, answered by our ring: our keys are good for this resource and no other."""

    keys: KeyRing
    resource: str

    async def verify_token(self, token: str) -> AccessToken | None:
        """A store that is down is no key; the gate has just asked the same and answers 503 for it."""
        try:
            principal = await self.keys.verify(token)
        except StoreUnavailable:
            return None
        if principal is None:
            return None
        scopes = sorted(principal.scopes)
        return AccessToken(token=token, client_id=principal.key_id, scopes=scopes, resource=self.resource)


def _bearer_caller() -> Caller:
    token = get_access_token()
    if token is None:
        return Caller(key_id="none", scopes=frozenset())
    return Caller(key_id=token.client_id, scopes=frozenset(token.scopes))


def _base_url(settings: Settings) -> str:
    """Where clients find us, without a slash at the end; a wildcard address is reached at the loopback."""
    if not settings.public_url:
        host = "127.0.0.1" if settings.host in _ANY_INTERFACE else settings.host
        return f"http://{_bracketed(host)}:{settings.port}"
    try:
        AnyHttpUrl(settings.public_url)
    except ValidationError:
        raise CannotStart("PUBLIC_URL is no URL; write it like https://gateway.example.com.") from None
    return settings.public_url.rstrip("/")


def _allowed_hosts(settings: Settings) -> TransportSecuritySettings:
    """Against DNS rebinding: a page in a browser may reach our address, but only under a name of its own.

    Ours are the loopback's, the address we listen on unless it is a wildcard, and the host of `public_url`.
    """
    names = {"127.0.0.1", "localhost", "[::1]"}
    if settings.host not in _ANY_INTERFACE:
        names.add(_bracketed(settings.host))
    if settings.public_url:
        names.add(_bracketed(urlsplit(settings.public_url).hostname or ""))
    hosts = [form for name in sorted(names) for form in (name, f"{name}:*")]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    return TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
