"""How often each group of routes may be asked: slowapi's limiter, asked by us at the moment we know who is counted.

slowapi's decorators and middleware count before anyone is verified and hang on `BaseHTTPMiddleware`; its limiter does
not.
"""

import ipaddress
import math
from collections.abc import Sequence
from functools import lru_cache
from time import time
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from limits import RateLimitItem
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from slowapi import Limiter

from gateway.access import counters, shared_counters  # noqa: F401  (importing them registers their stores)
from gateway.errors import CannotStart, Limited
from gateway.ingress.providers.terms import read_rate
from gateway.settings import Settings

Group = Literal["refused", "webhooks", "api", "monitoring"]
GROUPS: Final[tuple[Group, ...]] = ("refused", "webhooks", "api", "monitoring")

IPV6_PREFIX: Final = 64
"""One home or server is handed a /64: counting single IPv6 addresses would count nothing."""

STORES: Final = ("memory", "redis", "rediss")
"""Kinds of store that RATE_LIMIT_STORAGE_URL may name."""
STORE_TIMEOUT_S: Final = 1.0
"""To connect to the shared store, and for each of its answers; only the thread that asks it waits."""


class Limits:
    """One limit per group. A count never waits for anything: a shared store that is down or hangs delays no request.

    With `memory://` each web process counts for itself; a shared store counts for all of them (`shared_counters`).
    """

    def __init__(self, settings: Settings) -> None:
        """Raises `CannotStart`, a sentence per limit that cannot be read."""
        self._items = _read_limits(settings)
        self._limiter = _limiter(settings.rate_limit_storage_url)

    def hit(self, group: str, key: str, *, rate: str | None = None) -> None:
        """Count one request of `key` (an address for `refused`, else a source or key id); `rate` takes the place of the
        group's limit for it, if it can be read.

        Raises `Limited` when it is one too many.
        """
        key = address_key(key) if group == "refused" else key
        storage = self._limiter.limiter.storage
        for item in (parse_rate(rate) if rate else ()) or self._items[group]:
            counter = _counter(item, group, key)
            if storage.incr(counter, item.get_expiry()) > item.amount:
                raise Limited(max(1, math.ceil(storage.get_expiry(counter) - time())))


@lru_cache(maxsize=1_024)
def _counter(item: RateLimitItem, group: str, key: str) -> str:
    """The name of a counter as the library builds it; to build it for each count doubled what one costs."""
    return item.key_for(group, key)


@lru_cache(maxsize=1_024)
def parse_rate(text: str) -> tuple[RateLimitItem, ...]:
    """The limits in `text` ("600/minute", or several with `;` between them); empty when it is no limit."""
    try:
        return read_rate(text)
    except ValueError:
        return ()


def address_key(address: str) -> str:
    """What is counted for a client address: itself, or the /64 around an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


def _read_limits(settings: Settings) -> dict[str, Sequence[RateLimitItem]]:
    texts = {group: str(getattr(settings, f"rate_limit_{group}")) for group in GROUPS}
    items: dict[str, Sequence[RateLimitItem]] = {group: parse_rate(text) for group, text in texts.items()}
    problems = [
        f"RATE_LIMIT_{group.upper()}: {text!r} is no limit; write a count and a period, such as 600/minute."
        for group, text in texts.items()
        if not items[group]
    ]
    if problems:
        raise CannotStart(*problems)
    return items


def _limiter(storage_url: str) -> Limiter:
    """Raises `CannotStart` when the store is of no kind that we know, or what it needs is not installed; it is not asked
    whether it answers, since the gateway serves without it."""
    try:
        if urlsplit(storage_url).scheme not in STORES:
            raise ConfigurationError
        if urlsplit(storage_url).scheme == "memory":
            return Limiter(key_func=str, storage_uri="bounded-memory://", strategy="fixed-window")
        patience: dict[str, Any] = {
            "socket_timeout": STORE_TIMEOUT_S,
            "socket_connect_timeout": STORE_TIMEOUT_S,
            "retry": None,
        }
        store = storage_from_string(storage_url, wrap_exceptions=True, **patience)
        options: dict[str, Any] = {"store": store}
        return Limiter(key_func=str, storage_uri="shared-memory://", storage_options=options, strategy="fixed-window")
    except (ConfigurationError, ValueError, TypeError):
        scheme = storage_url.partition(":")[0]
        raise CannotStart(
            f"RATE_LIMIT_STORAGE_URL: no counter store opens for {scheme!r}; use memory://, or redis:// after "
            "pip install 'auto-pay-gateway[redis]'."
        ) from None
