"""Whatever bytes come over the socket, the answer is ours: never a 5xx, never memory without a bound."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from deliveries import ALL_SOURCES, signed, transfer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_gateway import RunningGateway

from gateway.ingress.bounded_http import HEAD_BYTES_MAX

BOUNDED = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _exchange(gateway: RunningGateway, wire: bytes, *, half_close: bool) -> bytes:
    """Everything that comes back until the gateway closes, or is silent for a while."""
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as peer:
        received = b""
        try:
            peer.sendall(wire)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
            while piece := peer.recv(65_536):
                received += piece
        except (ConnectionError, TimeoutError):
            pass
        return received


def _statuses(received: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"(?:^|\r\n)HTTP/1\.1 (\d{3}) ", received)]


def _never_our_fault(gateway: RunningGateway, wire: bytes, *, half_close: bool) -> None:
    assert [status for status in _statuses(_exchange(gateway, wire, half_close=half_close)) if status >= 500] == []


@BOUNDED
@given(wire=st.binary(max_size=2_000))
def test_arbitrary_bytes(gateway: RunningGateway, wire: bytes) -> None:
    """No request at all: closed, or 400."""
    _never_our_fault(gateway, wire, half_close=True)


LINES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("Content-Length", "Transfer-Encoding", "Content-Type", "Expect", "Prefer", "Upgrade", "Connection"),
                *("X-Timestamp", "X-Signature", "Stripe-Signature", "X-Razorpay-Signature"),
                *("webhook-id", "webhook-timestamp", "webhook-signature", "X-API-Key", "Authorization"),
            ]
        ).map(str.encode)
        | st.binary(max_size=12),
        st.sampled_from([b"chunked", b"5", b"0", b"-1", b"100-continue", b"wait=1", b"t=1,v1=0", b"Bearer \xff"])
        | st.binary(max_size=60),
    ),
    max_size=8,
)
TARGETS = st.sampled_from(
    [
        *(f"/webhooks/{source}".encode() for source in ALL_SOURCES),
        *(
            b"/webhooks/%00",
            b"/webhooks/%ff",
            b"*",
            b"//",
            b"/events/%0d%0a",
            b"/transaction/\xff",
            b"http://[",
            b"/mcp",
        ),
    ]
) | st.binary(min_size=1, max_size=40)


@BOUNDED
@given(
    method=st.sampled_from([b"POST", b"GET", b"HEAD", b"CONNECT", b"PRI", b"post"]),
    target=TARGETS,
    lines=LINES,
    body=st.binary(max_size=200),
    half_close=st.booleans(),
)
def test_requests_with_hostile_parts(
    gateway: RunningGateway,
    method: bytes,
    target: bytes,
    lines: list[tuple[bytes, bytes]],
    body: bytes,
    half_close: bool,
) -> None:
    """Nearly HTTP: any target, any headers, doubled or contradicting, any body."""
    head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    closing = b"Host: gateway\r\nConnection: close\r\nContent-Type: application/json\r\n"
    length = b"" if half_close else b"Content-Length: %d\r\n" % len(body)
    wire = method + b" " + target + b" HTTP/1.1\r\n" + closing + length + head + b"\r\n" + body
    _never_our_fault(gateway, wire, half_close=half_close or b"Content-Length" in head or b"chunked" in head)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*transfer(), "id", "type", "event", "data", "object", "payload"]), inner)
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode())


@BOUNDED
@given(source=st.sampled_from(ALL_SOURCES), body=BODIES, key=st.sampled_from(["", "k" * 40]))
def test_any_body_with_or_without_a_good_signature(gateway: RunningGateway, source: str, body: bytes, key: str) -> None:
    """A secret vouches for bytes, not for sense: whatever it signed is answered, once, and never with a 5xx."""
    key = f"whsec_{key}" if key else ""
    delivery = signed(source, body, key=key)
    lines = {**delivery.headers, "Host": "gateway", "Connection": "close", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    wire = f"POST {delivery.path} HTTP/1.1\r\n{head}\r\n".encode() + body
    statuses = _statuses(_exchange(gateway, wire, half_close=False))
    assert len(statuses) == 1
    assert statuses[0] in ({403} if key else {200, 202, 400, 409, 422})


@pytest.fixture
def connection(gateway: RunningGateway) -> Iterator[socket.socket]:
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as peer:
        yield peer


MEGABYTE = b"a" * 1_000_000
BEGINNINGS = {
    "one endless header": (b"POST /webhooks/payments HTTP/1.1\r\nX-Long: ", MEGABYTE),
    "endless headers": (b"POST /webhooks/payments HTTP/1.1\r\n", b"X-More: 1\r\n" * 90_000),
    "an endless target": (b"POST /", MEGABYTE),
    "endless trailers": (
        b"POST /webhooks/payments HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"X-More: 1\r\n" * 90_000,
    ),
}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_head_without_an_end_is_cut(gateway: RunningGateway, connection: socket.socket, beginning: str) -> None:
    """After `HEAD_BYTES_MAX` and what is on the way the connection is closed; the web process has not grown by it."""
    first, then = BEGINNINGS[beginning]
    before_kb = _resident_kb(gateway.child("web-1"))
    sent = _bytes_taken(connection, first, then, bytes_max=40_000_000)
    assert sent < 20_000_000
    assert _resident_kb(gateway.child("web-1")) - before_kb < 12_000


def _bytes_taken(connection: socket.socket, first: bytes, then: bytes, *, bytes_max: int) -> int:
    """How much could be sent before the peer closed."""
    sent = 0
    with suppress(ConnectionError):
        connection.sendall(first)
        while sent < bytes_max:
            connection.sendall(then)
            sent += len(then)
    return sent


def test_a_large_head_that_ends_is_read(connection: socket.socket) -> None:
    """The bound is for what does not end: a head of half the bound is an ordinary request."""
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: g\r\nX-Long: " + b"a" * (HEAD_BYTES_MAX // 2) + b"\r\n\r\n")
    assert _statuses(connection.recv(65_536)) == [200]


def test_a_large_body_after_a_small_head_is_not_counted_as_head(
    gateway: RunningGateway, connection: socket.socket
) -> None:
    """Bytes that the parser hands on are progress, however many there are."""
    body = b"x" * 200_000
    head = (
        b"POST /webhooks/payments HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    for _ in range(2):
        connection.sendall(head % len(body))
        for at in range(0, len(body), 50_000):
            connection.sendall(body[at : at + 50_000])
            time.sleep(0.01)
        assert _statuses(connection.recv(65_536)) == [403]


def _resident_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])
