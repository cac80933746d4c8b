"""The server's HTTP parser with two bounds that it lacks: how long a request's head may be, and how long it may take.

Measured before this existed: one connection sending one endless header grew a web process by 270 MB for 200 MB sent, and a
connection that sent nothing was kept for ever.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 65_536
"""Of a head, or of the trailers after a chunked body; beyond it 400. One read more may pass, since bytes come in pieces."""
HEAD_TIMEOUT_S: Final = 10.0
"""From the connection, or the first byte of a further request, to the end of the head; then the connection is closed."""


class BoundedHttp(HttpToolsProtocol):
    """Progress is what the parser hands on: a complete head, a piece of a body. Bytes without progress are what it keeps."""

    head_bytes_max = HEAD_BYTES_MAX
    head_timeout_s = HEAD_TIMEOUT_S

    _bytes_without_progress = 0
    _progress = False
    _head_is_open = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._progress = False
        super().data_received(data)
        self._bytes_without_progress = 0 if self._progress else self._bytes_without_progress + len(data)
        if self._bytes_without_progress > self.head_bytes_max:
            self.send_400_response("The head of the request is too large.")
        elif self._progress and not self._head_is_open:
            self._stop_waiting()
        elif self._head_timer is None:  # most heads come whole, and cost no timer
            self._await_head()

    def on_message_begin(self) -> None:
        self._progress = self._head_is_open = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._progress, self._head_is_open = True, False
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._progress = True

    def on_body(self, body: bytes) -> None:
        self._progress = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progress = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered before the body came: what is left of it may not keep the connection for ever."""
        if self.cycle is not None and self.cycle.more_body:
            self.loop.call_later(self.head_timeout_s, self.transport.close)
        super().on_response_complete()

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
