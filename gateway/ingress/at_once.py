"""Between the server and the application: an answer of known length leaves in one write, and a body that is here is said to be.

The server writes the head as soon as it has one and the body after it: two system calls, and a peer that is woken for half an
answer. ASGI asks for less: a head need not be sent before there is a body. What is no plain answer is left to the server.
"""

from typing import Any, Final

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

BODY_IS_HERE: Final = "gateway.body_is_here"
"""The extension of a scope whose first `receive` gives the whole body and waits for nothing."""


class AtOnce:
    """`app` for the one request of `cycle`."""

    __slots__ = ("_app", "_cycle", "_head")

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._head: Any = None

    async def __call__(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if not self._cycle.more_body:
            scope.setdefault("extensions", {})[BODY_IS_HERE] = {}
        await self._app(scope, receive, self._send)

    async def _send(self, message: Any) -> None:
        """A head with a length waits for what follows it. One that nothing follows is never sent; the server answers then."""
        cycle = self._cycle
        head, self._head = self._head, None
        if head is None:
            if _is_head_with_length(message) and not cycle.response_started:
                self._head = message
                return
        elif answer := _in_one(cycle, head, message):
            _finish(cycle, answer)
            return
        else:
            await cycle.send(head)
        await cycle.send(message)


def _is_head_with_length(message: Any) -> bool:
    return message["type"] == "http.response.start" and any(
        name == b"content-length" for name, _ in message.get("headers", ())
    )


def _in_one(cycle: RequestResponseCycle, head: Any, message: Any) -> bytes | None:
    """The bytes of the whole answer; None where the server has more to look at, or something to say against it."""
    if message["type"] != "http.response.body" or message.get("more_body", False) or cycle.scope["method"] == "HEAD":
        return None
    if cycle.disconnected or not cycle.keep_alive or cycle.flow.write_paused or cycle.access_log:
        return None
    body = message.get("body", b"")
    pieces = [STATUS_LINE[head["status"]]]
    names = values = b""
    for name, value in (*cycle.default_headers, *head["headers"]):
        lower = name.lower()
        if lower in (b"connection", b"transfer-encoding") or (
            lower == b"content-length" and value != b"%d" % len(body)
        ):
            return None
        names += lower
        values += value
        pieces += (lower, b": ", value, b"\r\n")
    if HEADER_RE.search(names) or HEADER_VALUE_RE.search(values):
        return None
    pieces += (b"\r\n", body)
    return b"".join(pieces)


def _finish(cycle: RequestResponseCycle, answer: bytes) -> None:
    """What `RequestResponseCycle.send` does after the last piece of an answer, on a connection that stays open."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(answer)
    cycle.message_event.set()
    cycle.on_response()
