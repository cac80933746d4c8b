"""The ring that checks keys: one look-up by id, kept for a few seconds, so that a disabled key soon opens nothing."""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from gateway.access.keys import Database, Principal, key_hash, key_id_of
from gateway.clock import Clock
from gateway.errors import StoreUnavailable

KEPT_S: Final = 3.0
"""How long a disabled key may still open: the price of not asking MongoDB for every request."""

KEPT_MAX: Final = 1_024
"""Keys remembered at once; the one remembered longest ago goes first."""

LOOKUP_S_MAX: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    hash: str
    principal: Principal
    until: float


class KeyRing:
    """Verifies key texts against the store. Only keys that exist are remembered, so guesses cannot push them out."""

    def __init__(self, database: Callable[[], Database], *, clock: Clock = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def verify(self, text: str) -> Principal | None:
        """Who holds this key; None for anything that opens nothing. Raises `StoreUnavailable`.

        The hashes are compared in constant time, though what they hide is already too long to guess.
        """
        key_id = key_id_of(text)
        if key_id is None:
            return None
        kept = self._remembered(key_id) or await self._look_up(key_id)
        if kept is None or not hmac.compare_digest(kept.hash, key_hash(text)):
            return None
        return kept.principal

    def _remembered(self, key_id: str) -> _Kept | None:
        kept = self._kept.get(key_id)
        return kept if kept is not None and kept.until > self._clock() else None

    async def _look_up(self, key_id: str) -> _Kept | None:
        until = self._clock() + KEPT_S
        try:
            with pymongo.timeout(LOOKUP_S_MAX):
                key = await self._database().api_keys.find_one({"_id": key_id})
        except PyMongoError as failed:
            raise StoreUnavailable("Keys cannot be checked right now; try again in a moment.") from failed
        self._kept.pop(key_id, None)
        if key is None or key.get("disabled_at") is not None:
            return None
        principal = Principal(key_id=key_id, name=key["name"], scopes=frozenset(key["scopes"]))
        kept = self._kept[key_id] = _Kept(hash=key["hash"], principal=principal, until=until)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return kept
