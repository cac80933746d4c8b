"""The server's HTTP parser with the bounds that it lacks: of connections, of a head, of a body's time, of a silent peer.

Measured before this existed: one connection sending one endless header grew a web process by 270 MB for 200 MB sent, and a
connection that sent nothing was kept for ever. What breaks a bound is answered with a problem document, where that cannot be
mistaken for the answer to an earlier request on the same connection.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.errors import BadRequest, Busy, GatewayError, HeadTooLarge, Limited, SlowBody
from gateway.ingress.at_once import AtOnce
from gateway.ingress.kept_alive import KeptAlive
from gateway.ingress.proxies import Network, is_within
from gateway.problem import problem_response

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 65_536
"""Of a head, or of the trailers after a chunked body."""
HEAD_TIMEOUT_S: Final = 10.0
"""From the connection, or the first byte of a further request, to the end of the head; then the connection is closed."""
BODY_TIMEOUT_S: Final = 30.0
"""From the end of the head to the end of the body, whoever reads it; the webhooks' own limit is shorter."""
SEND_TIMEOUT_S: Final = 30.0
"""For a peer to read on, once it has let an answer pile up."""
PIPELINED_MAX: Final = 16
"""Requests that may wait on one connection behind the one being answered."""
CONNECTIONS_MAX: Final = 2_000
CONNECTIONS_PER_ADDRESS_MAX: Final = 1_000
LINGER_S: Final = 1.0
"""Between an answer that ends a connection and its close: a peer that is still sending would see a reset instead."""
LINGER_BYTES_MAX: Final = 1_000_000
"""Read and thrown away in that time; then the peer gets its reset."""


class BoundedHttp(KeptAlive):
    """Progress is what the parser hands on: a complete head, a piece of a body. Bytes without progress are what it keeps."""

    headers_max = HEADERS_MAX
    head_bytes_max = HEAD_BYTES_MAX
    head_timeout_s = HEAD_TIMEOUT_S
    body_timeout_s = BODY_TIMEOUT_S
    send_timeout_s = SEND_TIMEOUT_S
    pipelined_max = PIPELINED_MAX
    connections_max = CONNECTIONS_MAX
    connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX
    proxies: Sequence[Network] = ()
    """Peers without a bound of their own: many callers stand behind each."""

    _peers: ClassVar[Counter[str]] = Counter()
    """How many connections each address has, in this process."""
    _lingering: ClassVar[set[asyncio.Transport]] = set()

    _address = ""
    _deaf = False
    _ignored_bytes = 0
    _read_bytes = 0
    _bytes_without_progress = 0
    _progress = False
    _head_is_open = False
    _broken: GatewayError | None = None
    _answering: RequestResponseCycle | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if len(self.connections) > self.connections_max:
            self._turn_away(Busy("There are too many connections; come back in a moment."))
        elif self._peers[address] >= self.connections_per_address_max and not is_within(address, self.proxies):
            self._turn_away(Limited(1))
        else:
            self._address = address
            self._peers[address] += 1
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        for timer in (self._body_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        self._lingering.discard(self.transport)
        if self._address:
            self._peers[self._address] -= 1
            if not self._peers[self._address]:
                del self._peers[self._address]
        super().connection_lost(exc)

    def _turn_away(self, error: GatewayError) -> None:
        """Before a byte was read. A flood of them is not even answered."""
        self.connections.discard(self)
        self._deaf = True
        if len(self._lingering) >= self.connections_max:
            self.transport.abort()
        else:
            self._end_with(error)

    # Bytes

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            self._ignored_bytes += len(data)
            if self._ignored_bytes > LINGER_BYTES_MAX:
                self.transport.abort()
            return
        self._progress = False
        self._read_bytes = len(data)
        super().data_received(data)
        if self._deaf:
            return
        self._bytes_without_progress = 0 if self._progress else self._bytes_without_progress + len(data)
        if self._bytes_without_progress > self.head_bytes_max:
            self._refuse(self._too_large())
            return
        if self._progress and not self._head_is_open:
            self._stop_waiting()
        elif self._head_timer is None:  # most heads come whole, and cost no timer
            self._await_head()
        cycle = self.cycle
        if self._body_timer is None and cycle is not None and cycle.more_body and not cycle.response_complete:
            self._await_body(cycle)

    def on_message_begin(self) -> None:
        self._progress = self._head_is_open = True
        if len(self.pipeline) >= self.pipelined_max:
            self._break(BadRequest("Too many requests at once on one connection; wait for answers."))
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._progress, self._head_is_open = True, False
        self._check_head()
        super().on_headers_complete()
        self.headers = []  # a trailer is no header (RFC 9110, 6.5.1): it could bring back what a proxy had taken out

    def _check_head(self) -> None:
        if (
            self.parser.should_upgrade()
        ):  # the parser would take what follows the head for no body, but for another request
            self._break(
                BadRequest("This server changes to no other protocol; send no Upgrade header (curl: --http1.1).")
            )
        if len(self.headers) > self.headers_max:
            self._break(HeadTooLarge(f"A request may have at most {self.headers_max} headers."))
        may_be_large = (
            self._head_timer is not None or self._read_bytes > self.head_bytes_max
        )  # most come in one small read
        if may_be_large and self._head_size() > self.head_bytes_max:
            self._break(self._too_large())
        hosts = [name for name, _ in self.headers].count(b"host")
        version = self.parser.get_http_version()
        if hosts > 1 or (hosts == 0 and version != "1.0"):  # RFC 9112, 3.2
            self._break(BadRequest("A request names one Host."))
        if version not in ("1.1", "1.0"):  # the parser lets HTTP/0.9 pass
            self._break(BadRequest("This is neither HTTP/1.1 nor HTTP/1.0."))

    def on_chunk_header(self) -> None:
        self._progress = True

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progress = True
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        if self.cycle is not None:
            self.cycle.more_body = False  # also of one that was answered before
        super().on_message_complete()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(f"The head of a request may have at most {self.head_bytes_max} bytes.")

    def _break(self, error: GatewayError) -> None:
        """Out of a parser's callback: the parser stops, and `send_400_response` is called."""
        self._broken = error
        raise error

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, AtOnce(app, cycle))

    def on_response_complete(self) -> None:
        """Answered before the body came: what is left of it may not keep the connection for ever."""
        if self.cycle is not None and self.cycle.response_complete and self.cycle.more_body:
            self.loop.call_later(self.head_timeout_s, self._give_up_rest, self.cycle)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser calls for everything that it cannot read."""
        self._refuse(self._broken or BadRequest("This is not HTTP/1.1 as RFC 9112 has it."))

    def _refuse(self, error: GatewayError) -> None:
        """The last answer of this connection, unless an earlier request is still being answered: then that one's is."""
        self._deaf = True
        self._stop_waiting()
        earlier = self._answering
        if earlier is None or earlier.response_complete:
            self._end_with(error)
        elif earlier is self.cycle and earlier.more_body:  # it is this one's body that is broken
            if earlier.response_started:
                self.transport.close()
            else:
                self._end_with(error)
        else:
            earlier.keep_alive = False
            self.pipeline.clear()

    def _end_with(self, error: GatewayError) -> None:
        """Answer, and close when the peer has had time to read it."""
        response = problem_response(error, headers={"Connection": "close"})
        lines = [b"%s: %s\r\n" % pair for pair in (*self.server_state.default_headers, *response.raw_headers)]
        self.transport.write(b"".join([STATUS_LINE[error.status], *lines, b"\r\n", bytes(response.body)]))
        if self._answering is not None:
            self._answering.disconnected = True  # whoever waits for the rest of a body is told that it will not come
            self._answering.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._lingering.add(self.transport)
        self.loop.call_later(LINGER_S, self.transport.close)

    # Time

    def pause_writing(self) -> None:
        self._send_timer = self.loop.call_later(self.send_timeout_s, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        """Not while a request is being answered: its body has a time limit of its own."""
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _await_body(self, cycle: RequestResponseCycle) -> None:
        self._body_timer = self.loop.call_later(self.body_timeout_s, self._give_up_body, cycle)

    def _give_up_rest(self, cycle: RequestResponseCycle) -> None:
        if cycle.more_body:
            self.transport.close()

    def _give_up_body(self, cycle: RequestResponseCycle) -> None:
        self._body_timer = None
        if cycle.response_complete or not cycle.more_body:
            return
        if cycle is self._answering:
            self._refuse(SlowBody(f"The body did not arrive within {self.body_timeout_s:g} s."))
        else:  # its turn has not come, and until then we do not read
            self._await_body(cycle)


def bounded_http(**bounds: Any) -> type[BoundedHttp]:
    """The parser with other bounds than its own, by name."""
    assert all(hasattr(BoundedHttp, name) for name in bounds)
    return type("BoundedHttp", (BoundedHttp,), bounds)
