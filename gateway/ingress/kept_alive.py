"""The server's HTTP protocol with one timer for a connection that is kept alive, where the server makes one for each answer.

A timer that is made and cancelled again for every request cost 4 % of a webhook. Here the one that stands looks, when it is due,
how long the connection has been idle by then, and comes back when that may be too long.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class KeptAlive(HttpToolsProtocol):
    """Idle is a connection without a byte since its last answer; it is closed after `timeout_keep_alive` seconds, as ever."""

    _idle_since: float | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _unset_keepalive_if_required(self) -> None:
        """What the server calls for every byte: the timer stays."""
        self._idle_since = None

    def on_response_complete(self) -> None:
        """As the server's own, but for the timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_in(self.timeout_keep_alive)

    def _look_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """A connection that is not idle now has a timer again from its next answer on."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0.001:
            self._look_in(left_s)
        else:
            super().timeout_keep_alive_handler()
