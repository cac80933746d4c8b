"""Whose word about a caller's address is believed: the networks that TRUSTED_PROXIES names."""

import ipaddress
from collections.abc import Sequence

from gateway.errors import CannotStart

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def trusted_networks(trusted_proxies: str) -> tuple[Network, ...]:
    """Of a comma-separated list of addresses and networks. Raises `CannotStart` for anything else.

    There is no "*": who believes everybody's X-Forwarded-For lets each caller choose the address it is counted by.
    """
    networks: list[Network] = []
    for text in filter(None, (part.strip() for part in trusted_proxies.split(","))):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            raise CannotStart(
                f"TRUSTED_PROXIES: {text!r} is no address and no network; write such as 10.0.0.7,172.16.0.0/12."
            ) from None
    return tuple(networks)


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether `address` lies in one of them; what is no address lies in none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
