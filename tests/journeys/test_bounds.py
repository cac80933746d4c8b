"""What one peer may take of a running gateway: each bound over a real socket, against a real web process."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from deliveries import Signed, new_id, signed, transfer
from provider import Provider, provider_for
from running_gateway import SECRETS, RunningGateway, running

CONNECTIONS_PER_ADDRESS_MAX = 6
CONNECTIONS_MAX = 10
HEADERS_MAX = 100
REFUSALS_MAX = 20
PROXY, SECOND_PROXY = "127.0.0.2", "127.0.0.3"
PATIENCE_S = 1.0
"""Of this gateway for heads, bodies and idle connections."""
LATE_S = 5.0
"""After which a bound did not hold, also on a machine that does other things."""


@pytest.fixture(scope="module")
def bounded(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway with little patience. Each test comes from loopback addresses of its own: 127.0.0.0/8 is all ours."""
    with running(
        tmp_path_factory.mktemp("bounded"),
        HMAC_SECRET_KEY=SECRETS["HMAC_SECRET_KEY"],
        MONGO_URL=mongo_uri,
        MONGO_DATABASE=f"bounded_{uuid4().hex[:12]}",
        HEAD_TIMEOUT_S=str(PATIENCE_S),
        BODY_TIMEOUT_S=str(PATIENCE_S),
        KEEP_ALIVE_S=str(int(PATIENCE_S)),
        CONNECTIONS_MAX=str(CONNECTIONS_MAX),
        CONNECTIONS_PER_ADDRESS_MAX=str(CONNECTIONS_PER_ADDRESS_MAX),
        RATE_LIMIT_REFUSED=f"{REFUSALS_MAX}/hour",
        TRUSTED_PROXIES=f"{PROXY}, {SECOND_PROXY}/32",
    ) as started:
        yield started


@pytest.fixture
def provider(bounded: RunningGateway) -> Iterator[Provider]:
    with provider_for(bounded) as sending:
        yield sending


def connect(gateway: RunningGateway, *, of: str) -> socket.socket:
    """A connection from the address `of`."""
    parts = urlsplit(gateway.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10, source_address=(of, 0))


def wire(delivery: Signed, *more: str) -> bytes:
    lines = [f"POST {delivery.path} HTTP/1.1", "Host: gateway", f"Content-Length: {len(delivery.body)}", *more]
    lines += [f"{name}: {value}" for name, value in delivery.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + delivery.body


def answer(peer: socket.socket) -> tuple[int, dict[str, str], dict[str, object]]:
    """Status, headers and document of one answer."""
    received = b""
    while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
        piece = peer.recv(65_536)
        assert piece, f"closed after {received!r}"
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, json.loads(body)


def ask(gateway: RunningGateway, request: bytes, *, of: str) -> tuple[int, dict[str, str], dict[str, object]]:
    with connect(gateway, of=of) as peer:
        peer.sendall(request)
        return answer(peer)


def seconds_until_closed(peer: socket.socket) -> float:
    began_at = time.monotonic()
    with suppress(ConnectionError):
        while peer.recv(65_536):
            pass
    return time.monotonic() - began_at


def forged() -> Signed:
    return signed("payments", transfer(), key="k" * 40)


# Heads and bodies


def test_the_hundredth_header_passes_and_the_next_does_not(bounded: RunningGateway) -> None:
    """431 as a problem document, and the connection is over."""
    good = signed("payments", transfer())
    room = HEADERS_MAX - 2 - len(good.headers)
    assert ask(bounded, wire(good, *["X-More: 1"] * room), of="127.0.1.1")[0] == 202
    status, headers, told = ask(bounded, wire(good, *["X-More: 1"] * (room + 1)), of="127.0.1.1")
    assert (status, told["reason"], told["status"]) == (431, "head_too_large", 431)
    assert (headers["content-type"], headers["connection"]) == ("application/problem+json", "close")


@pytest.mark.parametrize("size", [66_000, 200_000])
def test_a_head_that_is_too_large_is_refused_also_when_it_comes_at_once(bounded: RunningGateway, size: int) -> None:
    """One header of that size, complete with its request: 431."""
    status, _, told = ask(bounded, wire(signed("payments", transfer()), "X-Long: " + "a" * size), of="127.0.1.2")
    assert (status, told["reason"]) == (431, "head_too_large")


@pytest.mark.parametrize("start", [b"", b"POST /webhooks/payments HTTP/1.1\r\nX-Slow: "])
def test_a_peer_that_sends_a_byte_of_a_head_now_and_then_is_cut(bounded: RunningGateway, start: bytes) -> None:
    """The time is for the whole head, and for a connection that says nothing at all."""
    with connect(bounded, of="127.0.1.3") as peer:
        began_at = time.monotonic()
        with suppress(ConnectionError):
            peer.sendall(start)
            peer.settimeout(0.1)
            while time.monotonic() - began_at < LATE_S:
                with suppress(TimeoutError):
                    if not peer.recv(1):
                        break
                peer.sendall(b"a" if start else b"")
        assert PATIENCE_S * 0.9 < time.monotonic() - began_at < LATE_S


def test_a_peer_that_sends_a_byte_of_a_body_now_and_then_is_told_and_cut(bounded: RunningGateway) -> None:
    """408 after the time for a body, however steadily it trickles."""
    with connect(bounded, of="127.0.1.4") as peer:
        peer.sendall(wire(Signed("payments", b"", {"Content-Type": "application/json"})).replace(b": 0", b": 1000"))
        began_at = time.monotonic()
        received = b""
        peer.settimeout(0.1)
        while not received and time.monotonic() - began_at < LATE_S:
            peer.sendall(b"{")
            with suppress(TimeoutError):
                received = peer.recv(65_536)
        assert PATIENCE_S * 0.9 < time.monotonic() - began_at < LATE_S
        while not received.endswith(b"}"):
            received += peer.recv(65_536)
        assert received.startswith(b"HTTP/1.1 408")
        assert b'"slow_body"' in received


def test_an_idle_connection_is_closed(bounded: RunningGateway) -> None:
    """After its answer it is kept for a further request, for a while."""
    with connect(bounded, of="127.0.1.5") as peer:
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert answer(peer)[0] == 200
        assert PATIENCE_S * 0.9 < seconds_until_closed(peer) < LATE_S


def test_what_is_no_http_is_told_so_as_everything_else_is(bounded: RunningGateway) -> None:
    """400 as a problem document that does not say what serves it, and nothing in the log: anybody can send noise."""
    before = bounded.log()
    status, headers, told = ask(bounded, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", of="127.0.1.6")
    assert (status, told["reason"], told["title"]) == (400, "bad_request", "Bad Request")
    assert headers["content-type"] == "application/problem+json"
    assert "server" not in headers
    assert bounded.log() == before


def test_pipelined_requests_are_answered_in_order_up_to_a_bound(bounded: RunningGateway) -> None:
    """Those that wait are few; a peer that sends more without reading gets the answers it was owed, or is cut."""
    few = [signed("payments", transfer()) for _ in range(8)]
    with connect(bounded, of="127.0.1.7") as peer:
        peer.sendall(b"".join(map(wire, few)))
        received = b""
        while received.count(b'"status":"accepted"') < len(few):
            received += peer.recv(65_536)
    tx_ids = [json.loads(each.body)["tx_id"] for each in few]
    assert [told.decode() for told in re.findall(rb'"tx_id":"([^"]+)"', received)] == tx_ids
    with connect(bounded, of="127.0.1.7") as peer:
        peer.sendall(wire(signed("payments", transfer())) * 200)
        received = b""
        with suppress(ConnectionError):
            while piece := peer.recv(65_536):
                received += piece
    assert received.count(b"HTTP/1.1 ") <= 1 + 16 + 1


# Connections


def test_one_address_cannot_take_all_connections(bounded: RunningGateway) -> None:
    """Beyond its share it is told 429 at once and closed; another address is served; a place that is free is given again."""
    with ExitStack() as stack:
        kept = [stack.enter_context(connect(bounded, of="127.0.2.1")) for _ in range(CONNECTIONS_PER_ADDRESS_MAX)]
        with connect(bounded, of="127.0.2.1") as one_more:
            status, headers, told = answer(one_more)
            assert (status, told["reason"], headers["retry-after"]) == (429, "limited", "1")
            assert seconds_until_closed(one_more) < LATE_S
        assert ask(bounded, wire(signed("payments", transfer())), of="127.0.2.2")[0] == 202
        kept[0].close()
        time.sleep(0.1)
        assert ask(bounded, wire(signed("payments", transfer())), of="127.0.2.1")[0] == 202


def test_a_trusted_proxy_has_no_share_of_its_own(bounded: RunningGateway) -> None:
    """All callers come from its address; the bound for all of them together holds."""
    with ExitStack() as stack:
        for _ in range(CONNECTIONS_MAX - 1):
            stack.enter_context(connect(bounded, of=PROXY))
        assert ask(bounded, wire(signed("payments", transfer())), of=PROXY)[0] == 202


def test_there_is_a_bound_for_all_connections_together(bounded: RunningGateway) -> None:
    """503 with `Retry-After` for the one that is too many; those that are in are served on."""
    with ExitStack() as stack:
        kept = [stack.enter_context(connect(bounded, of=f"127.0.3.{number}")) for number in range(CONNECTIONS_MAX)]
        with connect(bounded, of="127.0.3.200") as one_more:
            status, headers, told = answer(one_more)
            assert (status, told["reason"], headers["retry-after"]) == (503, "busy", "1")
        kept[0].sendall(wire(signed("payments", transfer())))
        assert answer(kept[0])[0] == 202


# Whose address


@pytest.mark.parametrize(
    ("of", "told", "recorded"),
    [
        ("127.0.4.1", "203.0.113.9", "127.0.4.1"),
        (PROXY, "203.0.113.9", "203.0.113.9"),
        (PROXY, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (PROXY, f"198.51.100.1, 203.0.113.9, {SECOND_PROXY}", "203.0.113.9"),
        (PROXY, "127.0.0.1, 2001:db8::9", "2001:db8::9"),
    ],
    ids=["no proxy of ours", "a proxy", "a caller's own entry on the left", "two proxies", "claims to be us"],
)
def test_the_recorded_address_is_the_one_a_trusted_proxy_saw(
    bounded: RunningGateway, provider: Provider, of: str, told: str, recorded: str
) -> None:
    """The right-most entry that is no proxy of ours; what a caller wrote before it is not believed."""
    delivery = forged()
    assert ask(bounded, wire(delivery, f"X-Forwarded-For: {told}"), of=of)[0] in (403, 429)
    assert provider.refusal(delivery)["remote"] == recorded


def test_the_address_that_is_counted_cannot_be_chosen(bounded: RunningGateway) -> None:
    """A caller who writes another address into each request is limited all the same, behind a proxy and without one;
    another caller behind the same proxy is not."""
    for of, suffix in (("127.0.5.1", ""), (PROXY, ", 203.0.113.77")):
        claims = [f"X-Forwarded-For: 198.51.100.{number}{suffix}" for number in range(REFUSALS_MAX + 1)]
        statuses = [ask(bounded, wire(forged(), claim), of=of)[0] for claim in claims]
        assert statuses == [403] * REFUSALS_MAX + [429]
    assert ask(bounded, wire(forged(), "X-Forwarded-For: 203.0.113.78"), of=PROXY)[0] == 403


def test_two_forwarded_headers_are_one_list(bounded: RunningGateway, provider: Provider) -> None:
    """A proxy may append a header of its own instead of to the caller's: the last one is nearest."""
    delivery = forged()
    two = ("X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 203.0.113.10")
    assert ask(bounded, wire(delivery, *two), of=PROXY)[0] == 403
    assert provider.refusal(delivery)["remote"] == "203.0.113.10"


def test_the_limit_of_the_refused_is_told_with_a_time(bounded: RunningGateway) -> None:
    """`Retry-After` on each 429, in whole seconds of the window that is left."""
    of = "127.0.6.1"
    answers = [
        ask(bounded, wire(Signed("payments", b"{}", {new_id("X"): "1"})), of=of) for _ in range(REFUSALS_MAX + 1)
    ]
    status, headers, _ = answers[-1]
    assert status == 429
    assert 3_000 < int(headers["retry-after"]) <= 3_600
