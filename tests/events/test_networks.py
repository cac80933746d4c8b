"""Addresses, the networks around them, and networks as ranges."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.events.networks import network_of, packed, packed_range


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", "unknown"),
        ("1.2.3.4.5", "unknown"),
    ],
)
def test_the_network_around_an_address(address: str, network: str) -> None:
    """What one caller is usually handed; what is no address is of no network."""
    assert network_of(address) == network
    assert (packed(address) is None) == (network == "unknown")


@given(st.ip_addresses(), st.integers(0, 128))
def test_an_address_is_inside_its_networks_and_no_other(address: ipaddress.IPv4Address, prefix: int) -> None:
    """Of either version and any size, so one condition searches them all."""
    network = ipaddress.ip_network((address.packed, min(prefix, address.max_prefixlen)), strict=False)
    first, last = packed_range(str(network))
    found = packed(str(address))
    assert found is not None
    mapped = ipaddress.ip_address(first).ipv4_mapped if address.version == 6 else None  # type: ignore[union-attr]
    if mapped is None and getattr(address, "ipv4_mapped", None) is None:
        assert first <= found <= last
        beyond = int.from_bytes(last) + 1
        assert not first <= beyond.to_bytes(17)[-16:] <= last or prefix == 0


@pytest.mark.parametrize("text", ["", "192.0.2", "192.0.2.0/33", "example.com", "0/0/0"])
def test_what_is_no_network_is_refused(text: str) -> None:
    """Not guessed at."""
    with pytest.raises(ValueError, match="not"):
        packed_range(text)
