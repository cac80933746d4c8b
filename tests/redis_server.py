"""A real Redis for tests: one process of the test's own, on a free port, that can be stopped, frozen and killed."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

BINARY: Final = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(BINARY is None, reason="no redis-server on PATH: apt-get install redis-server")


class RedisServer:
    """`redis-server` without a file of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert BINARY is not None
        options = {"--port": str(self.port), "--bind": "127.0.0.1", "--save": "", "--dir": str(self._folder)}
        argv = [BINARY, *(part for option in options.items() for part in option)]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < give_up_at, "redis-server did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """And what it counted is gone."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(20)

    def freeze(self) -> None:
        """It keeps its connections, and accepts new ones into its queue, but answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, kind: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(kind)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer:
                peer.sendall(b"PING\r\n")
                return peer.recv(16) == b"+PONG\r\n"
        except OSError:
            return False


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """For the length of a test, ended however the test ends."""
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        if server._process is not None:
            server.kill()
