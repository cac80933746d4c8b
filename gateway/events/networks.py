"""Where a request came from, as evidence: an address, the network around it, and networks as ranges that can be searched."""

import ipaddress
from functools import lru_cache
from typing import Final

IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 64
"""What one caller is usually handed: single addresses inside change as he likes."""
UNKNOWN: Final = "unknown"
_REMEMBERED_MAX: Final = 4_096


@lru_cache(_REMEMBERED_MAX)
def packed(address: str) -> bytes | None:
    """The address as 16 bytes that sort as addresses do, IPv4 in its place inside IPv6; None for what is none."""
    parsed = _parsed(address)
    if parsed is None:
        return None
    return _mapped(parsed.packed)


@lru_cache(_REMEMBERED_MAX)
def network_of(address: str) -> str:
    """The /24 or /64 around an address, such as "192.0.2.0/24"; "unknown" for what is no address."""
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((parsed.packed, prefix), strict=False))


def packed_range(network: str) -> tuple[bytes, bytes]:
    """The first and the last address of a network or a single address, packed. Raises `ValueError` for what is neither."""
    parsed = ipaddress.ip_network(network, strict=False)
    return _mapped(parsed.network_address.packed), _mapped(parsed.broadcast_address.packed)


def _mapped(address: bytes) -> bytes:
    return address if len(address) == 16 else b"\0" * 10 + b"\xff\xff" + address


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
