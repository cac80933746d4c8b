"""What is not in a hurry goes behind what is, also inside a private mongod."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_gateway import until

from gateway.mongo import running_uri
from gateway.mongo.home import Home

BACKGROUND = """
import asyncio, sys
from gateway.mongo import connect
from gateway.mongo.giving_way import giving_way
from gateway.settings import Settings

settings = Settings(_env_file=None, data_dir=sys.argv[1])

async def main():
    async with connect(sys.argv[2], settings) as client, giving_way(client, settings, niceness=7):
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def niceness(mongod: int) -> list[int]:
    """Of each thread of mongod that serves a connection."""
    threads = Path(f"/proc/{mongod}/task").iterdir()
    return [
        os.getpriority(os.PRIO_PROCESS, int(thread.name))
        for thread in threads
        if (thread / "comm").read_text().startswith("conn")
    ]


@pytest.fixture
def background(mongo_uri: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that gives way, on the mongod of the test run, and that mongod's pid."""
    data_dir = next(
        Path(text.decode()).parents[1]
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        for text in _words(entry)
        if text.endswith(b"/mongo/db") and running_uri(Path(text.decode()).parents[1]) == mongo_uri
    )
    state = Home(data_dir).load()
    assert state is not None
    assert state.pid is not None
    argv = [sys.executable, "-c", BACKGROUND, str(data_dir), mongo_uri]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process, state.pid
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def test_only_the_threads_of_the_one_that_gives_way_are_lowered(
    background: tuple[subprocess.Popen[bytes], int],
) -> None:
    """Its own, by the name under which mongod lists it; those that serve others stay where they are."""
    process, mongod = background
    until(lambda: 7 in niceness(mongod), within_s=30, what="its threads in mongod are lowered")
    assert 0 in niceness(mongod)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 7


def _words(cmdline: Path) -> list[bytes]:
    try:
        return cmdline.read_bytes().split(b"\0")
    except OSError:
        return []
