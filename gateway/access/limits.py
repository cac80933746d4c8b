"""How often each group of routes may be asked: slowapi's limiter, asked by us at the moment we know who is counted.

slowapi's decorators and middleware count before anyone is verified and hang on `BaseHTTPMiddleware`; its limiter does
not.
"""

import ipaddress
import math
from time import monotonic, time
from typing import Any, Final, Literal

import structlog
from limits import RateLimitItem, parse_many
from limits.errors import ConfigurationError, StorageError
from slowapi import Limiter

from gateway.access import counters  # noqa: F401  (importing it registers the bounded-memory store)
from gateway.errors import CannotStart, Limited
from gateway.settings import Settings

Group = Literal["refused", "webhooks", "api", "monitoring"]
GROUPS: Final[tuple[Group, ...]] = ("refused", "webhooks", "api", "monitoring")

IPV6_PREFIX: Final = 64
"""One home or server is handed a /64: counting single IPv6 addresses would count nothing."""

SAYS_AGAIN_S: Final = 10.0
"""How often the log repeats that the counter store is down."""

log = structlog.get_logger(__name__)


class Limits:
    """One limit per group. Fails open: when the counter store is down, requests pass, and the log says so.

    With `memory://` each web process counts for itself; a shared store counts for all of them.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises `CannotStart`, a sentence per limit that cannot be read."""
        self._items = _read_limits(settings)
        self._limiter = _limiter(settings.rate_limit_storage_url)
        self._said_at = -math.inf

    def hit(self, group: str, key: str) -> None:
        """Count one request of `key` (an address for `refused`, else a source or key id).

        Raises `Limited` when it is one too many.
        """
        key = address_key(key) if group == "refused" else key
        strategy = self._limiter.limiter
        try:
            for item in self._items[group]:
                if not strategy.hit(item, group, key):
                    reset_at = strategy.get_window_stats(item, group, key)[0]
                    raise Limited(max(1, math.ceil(reset_at - time())))
        except StorageError as failed:
            self._say(failed)

    def _say(self, failed: StorageError) -> None:
        now = monotonic()
        if now - self._said_at >= SAYS_AGAIN_S:
            self._said_at = now
            log.warning(
                "limits.store_down", error=type(failed.storage_error).__name__, effect="requests pass uncounted"
            )


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


def _read_limits(settings: Settings) -> dict[str, list[RateLimitItem]]:
    items: dict[str, list[RateLimitItem]] = {}
    problems: list[str] = []
    for group in GROUPS:
        text = getattr(settings, f"rate_limit_{group}")
        try:
            items[group] = parse_many(text)
        except ValueError:
            items[group] = []
        if not items[group] or any(item.amount < 1 or item.get_expiry() < 1 for item in items[group]):
            problems.append(
                f"RATE_LIMIT_{group.upper()}: {text!r} is no limit; write a count and a period, such as 600/minute."
            )
    if problems:
        raise CannotStart(*problems)
    return items


def _limiter(storage_url: str) -> Limiter:
    url = "bounded-memory://" if storage_url == "memory://" else storage_url
    options: dict[str, Any] = {"wrap_exceptions": True}
    try:
        return Limiter(key_func=str, storage_uri=url, storage_options=options, strategy="fixed-window")
    except (ConfigurationError, ValueError, TypeError):
        scheme = storage_url.partition(":")[0]
        raise CannotStart(
            f"RATE_LIMIT_STORAGE_URL: no counter store opens for {scheme!r}; use memory:// or install what it needs."
        ) from None
