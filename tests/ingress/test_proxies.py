"""TRUSTED_PROXIES as networks: what may stand there, and who is within."""

import pytest

from gateway.errors import CannotStart
from gateway.ingress.proxies import is_within, trusted_networks


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("10.0.0.7", True),
        ("10.0.0.8", False),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("2001:db8::7", True),
        ("::ffff:10.0.0.7", True),
        ("::ffff:10.0.0.8", False),
        ("", False),
        ("a host", False),
    ],
)
def test_an_address_is_within_what_is_named(address: str, within: bool) -> None:
    """Addresses and networks of both kinds; what is no address is nowhere."""
    networks = trusted_networks(" 10.0.0.7, 172.16.0.0/12,2001:db8::/32,")
    assert is_within(address, networks) is within


def test_nobody_is_named_by_default() -> None:
    """No header of a caller is believed."""
    assert trusted_networks("") == ()


@pytest.mark.parametrize("text", ["*", "proxy.example.com", "10.0.0.7/8", "10.0.0", "10.0.0.7 10.0.0.8"])
def test_what_is_no_network_stops_the_start(text: str) -> None:
    """A typing error would else trust nobody, silently; and `*` would let each caller choose its address."""
    with pytest.raises(CannotStart, match="TRUSTED_PROXIES"):
        trusted_networks(text)
