"""The door of everything that needs a key: who is asking, may they, and not too often.

Callers without a good key are counted by address, the others by key, so that a stranger cannot use up what keys are
owed (also behind a proxy, where all of them share an address).
"""

from dataclasses import dataclass

from starlette.datastructures import Headers

from gateway.access.keyring import KeyRing
from gateway.access.keys import Principal
from gateway.access.limits import Group, Limits
from gateway.errors import GatewayError, ScopeMissing, Unauthorized

_BEARER = "bearer "


def bearer_key(headers: Headers) -> str | None:
    """The key in `Authorization: Bearer …` (RFC 6750)."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip()


def presented_key(headers: Headers) -> str | None:
    """The key in `X-API-Key`, else the bearer one."""
    return headers.get("x-api-key") or bearer_key(headers)


def challenge(error: GatewayError, *, scope: str, resource_metadata: str | None = None) -> dict[str, str]:
    """The `WWW-Authenticate` header for a 401 or 403 (RFC 6750, 3; RFC 9728, 5.1); nothing for another error."""
    match error:
        case Unauthorized():
            parts = ['error="invalid_token"']
        case ScopeMissing():
            parts = ['error="insufficient_scope"']
        case _:
            return {}
    parts.append(f'scope="{scope}"')
    if resource_metadata is not None:
        parts.append(f'resource_metadata="{resource_metadata}"')
    return {"WWW-Authenticate": f"Bearer {', '.join(parts)}"}


@dataclass(frozen=True, slots=True)
class Door:
    """Admits holders of keys."""

    keys: KeyRing
    limits: Limits

    async def identify(self, key: str | None, *, address: str, group: Group) -> Principal:
        """Who holds `key`, counted. Raises `Unauthorized`, `Limited`, `StoreUnavailable`."""
        principal = await self.keys.verify(key) if key else None
        if principal is None:
            self.limits.hit("refused", address)
            raise Unauthorized("This needs a key that is known and not disabled: X-API-Key, or Authorization: Bearer.")
        self.limits.hit(group, principal.key_id)
        return principal

    async def admit(self, key: str | None, *, address: str, group: Group, scope: str) -> Principal:
        """The holder of `key`, if it reaches `scope`. Raises as `identify`, and `ScopeMissing`."""
        principal = await self.identify(key, address=address, group=group)
        if scope not in principal.scopes:
            raise ScopeMissing(f"This key lacks the scope {scope}.")
        return principal
