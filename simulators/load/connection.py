"""One keep-alive connection that sends one request at a time: the least Python between a socket and a status code.

Not a client library: on the same machine httpx took 1,200 µs of processor time per request and this takes 18 µs, while
the gateway answers in some 100 µs; a library would measure itself. Here a request is bytes that exist already, and the
reply goes through httptools (C, 0.6 µs) with the one callback that matters.
"""

import asyncio
from typing import Any, Protocol, cast

from httptools import HttpParserError, HttpResponseParser


class Owner(Protocol):
    """Whoever decides what a connection sends next and keeps the books."""

    def idle(self, connection: "Connection") -> None:
        """It can send."""

    def answered(self, connection: "Connection", status: int) -> None:
        """Its request was answered."""

    def lost(self, connection: "Connection") -> None:
        """It is closed; `in_flight` says whether a request was unanswered."""


class Connection(asyncio.Protocol):
    """`due_at` is the moment its request should have left, on the monotonic clock: latency counts from there."""

    __slots__ = ("_complete", "_keep_alive", "_owner", "_parser", "_transport", "due_at", "in_flight")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._complete = False
        self._keep_alive = True
        self.in_flight = False
        self.due_at = 0.0

    def send(self, request: bytes, due_at: float) -> None:
        """Write one complete request; the reply comes to the owner's `answered`."""
        assert self._transport is not None, "sent before the connection was made"
        assert not self.in_flight, "one request at a time"
        self.due_at = due_at
        self.in_flight = True
        self._transport.write(request)

    def close(self) -> None:
        """Drop the connection, and whatever is in flight with it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._owner.idle(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self.close()
            return
        if self._complete:
            self._complete = False
            self.in_flight = False
            self._owner.answered(self, self._parser.get_status_code())
            if self._keep_alive:
                self._owner.idle(self)
            else:
                self.close()

    def on_message_complete(self) -> None:
        """httptools: a whole response was read. Whether the connection stays is known only now, not after the parsing."""
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._owner.lost(self)


async def connect(owner: Owner, host: str, port: int) -> None:
    """Open one connection of `owner`. Raises `OSError` when nobody listens."""
    loop: Any = asyncio.get_running_loop()
    await loop.create_connection(lambda: Connection(owner), host, port)
