"""The private mongod: its data outlives every way of ending, and nobody else gets in."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from gateway.errors import CannotStart
from gateway.mongo import PrivateMongod, connect, running_uri
from gateway.mongo.embedded import STOP_TIMEOUT_S
from gateway.mongo.home import Home
from gateway.settings import Settings

REPOSITORY = Path(__file__).parents[2]

A_GATEWAY = """
import asyncio, sys, time
from pathlib import Path
from gateway.mongo import PrivateMongod
from gateway.settings import Settings

mongod = PrivateMongod(Settings(_env_file=None, data_dir=Path(sys.argv[1]), mongod_cache_mb=256))
asyncio.run(mongod.start())
print(mongod.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def a_gateway_until_killed(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-c", A_GATEWAY, str(settings.data_dir)]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE) as gateway:
        try:
            yield gateway
        finally:
            gateway.kill()


async def put(uri: str, settings: Settings, number: int) -> None:
    async with connect(uri, settings) as client:
        await client.kept.numbers.insert_one({"_id": number})


async def numbers(uri: str, settings: Settings) -> list[int]:
    async with connect(uri, settings) as client:
        return sorted([document["_id"] async for document in client.kept.numbers.find()])


def port_of(uri: str) -> int:
    return int(uri.rsplit(":", 1)[1].split("/")[0])


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def test_data_and_port_stay_over_a_stop_and_a_start(settings: Settings, mongod: PrivateMongod) -> None:
    """What was stored before a clean stop is there after the next start, at the same address."""

    async def story() -> None:
        before = await mongod.start()
        await put(before, settings, 1)
        pid = mongod.pid
        await mongod.stop()
        assert pid is not None
        assert not is_running(pid)
        assert await mongod.start() == before
        assert await numbers(before, settings) == [1]

    asyncio.run(story())


def test_transactions_work(settings: Settings, mongod: PrivateMongod) -> None:
    """The private mongod is a replica set: an aborted transaction leaves nothing."""

    async def story() -> list[int]:
        uri = await mongod.start()
        await put(uri, settings, 1)
        async with connect(uri, settings) as client, client.start_session() as session:
            await session.start_transaction()
            await client.kept.numbers.insert_one({"_id": 2}, session=session)
            await session.abort_transaction()
        return await numbers(uri, settings)

    assert asyncio.run(story()) == [1]


def test_a_killed_mongod_restarts_with_what_was_acknowledged(settings: Settings, mongod: PrivateMongod) -> None:
    """After kill -9 the same address serves every write that was acknowledged before it."""

    async def story() -> None:
        before = await mongod.start()
        await put(before, settings, 1)
        assert mongod.pid is not None
        os.kill(mongod.pid, signal.SIGKILL)
        assert await mongod.ended() == -signal.SIGKILL
        assert await mongod.restart() == before
        assert await numbers(before, settings) == [1]

    asyncio.run(story())


def test_a_taken_port_is_left_to_its_owner(settings: Settings, mongod: PrivateMongod) -> None:
    """If another program took the port meanwhile, mongod moves to a free one and keeps its data."""

    async def story() -> None:
        before = await mongod.start()
        await put(before, settings, 1)
        await mongod.stop()
        with socket.socket() as owner:
            owner.bind(("127.0.0.1", port_of(before)))
            after = await mongod.start()
        assert after != before
        await put(after, settings, 2)
        assert await numbers(after, settings) == [1, 2]
        await mongod.stop()
        assert await mongod.start() == after, "the new port is kept"

    asyncio.run(story())


def test_a_second_gateway_is_refused(settings: Settings, mongod: PrivateMongod) -> None:
    """Two gateways never share a data directory; the second is told which directory, and who has it."""

    async def story() -> str:
        uri = await mongod.start()
        with pytest.raises(CannotStart) as refused:
            await PrivateMongod(settings).start()
        assert running_uri(settings.data_dir) == uri, "the first is not disturbed"
        return str(refused.value)

    said = asyncio.run(story())
    assert str(settings.data_dir) in said
    assert f"process {os.getpid()}" in said


def test_the_orphan_of_a_killed_gateway_is_ended(settings: Settings, mongod: PrivateMongod) -> None:
    """kill -9 of the gateway leaves its mongod; the next start ends it and serves its data."""
    with a_gateway_until_killed(settings) as gateway:
        assert gateway.stdout is not None
        orphan = int(gateway.stdout.readline())
        uri = running_uri(settings.data_dir)
        assert uri is not None
        asyncio.run(put(uri, settings, 1))
    assert is_running(orphan)

    assert asyncio.run(mongod.start()) == uri
    assert not is_running(orphan)
    assert asyncio.run(numbers(uri, settings)) == [1]


@pytest.mark.parametrize(
    "moment", ["", "Waiting for connections", "replSetInitiate admin command", "admin.system.users"]
)
def test_a_first_start_that_was_killed_is_done_again(settings: Settings, mongod: PrivateMongod, moment: str) -> None:
    """Wherever kill -9 hits the very first start, the next one succeeds."""
    home = Home(settings.data_dir)
    with a_gateway_until_killed(settings):
        give_up_at = time.monotonic() + 30
        while not (home.load() and moment in (home.log.read_text() if home.log.exists() else "")):
            assert time.monotonic() < give_up_at
            time.sleep(0.002)

    async def story() -> None:
        uri = await mongod.start()
        await put(uri, settings, 1)
        assert home.serving_pids() == [mongod.pid]

    asyncio.run(story())


def test_a_lost_state_file_never_costs_the_data(settings: Settings, mongod: PrivateMongod) -> None:
    """Without its password file an existing database is refused, not begun afresh."""
    asyncio.run(mongod.start())
    asyncio.run(mongod.stop())
    state = settings.data_dir / "mongo" / "mongod.json"
    state.rename(state.with_name("aside"))
    with pytest.raises(CannotStart, match=r"restore that file"):
        asyncio.run(mongod.start())
    state.with_name("aside").rename(state)
    asyncio.run(mongod.start())


def test_only_the_owner_can_read_the_directory(settings: Settings, mongod: PrivateMongod) -> None:
    """Directories are 0700 and files 0600: the password and the key are nobody else's."""
    asyncio.run(mongod.start())
    home = settings.data_dir / "mongo"
    assert {S_IMODE(path.stat().st_mode) for path in (settings.data_dir, home, home / "db")} == {0o700}
    assert {S_IMODE(path.stat().st_mode) for path in home.iterdir() if path.is_file()} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_does_not_take_over_the_directory_of_another_user(settings: Settings, mongod: PrivateMongod) -> None:
    """Files that root left there would stop the owner's next start."""
    home = settings.data_dir / "mongo"
    home.mkdir(parents=True)
    os.chown(home, 65534, 65534)
    with pytest.raises(CannotStart, match="run the gateway as that user"):
        asyncio.run(mongod.start())


@pytest.mark.parametrize("login", ["", "gateway:wrong@"])
def test_a_stranger_on_the_same_host_is_refused(settings: Settings, mongod: PrivateMongod, login: str) -> None:
    """Nobody gets in without the generated password, nor makes a user of his own through the localhost exception."""

    async def story() -> None:
        uri = await mongod.start()
        stranger = f"mongodb://{login}127.0.0.1:{port_of(uri)}/?directConnection=true"
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(stranger)
        async with client:
            with pytest.raises(OperationFailure):
                await client.admin.command("createUser", "me", pwd="mine", roles=["root"])

    asyncio.run(story())


def test_mongod_gets_nothing_of_the_gateway(
    settings: Settings, mongod: PrivateMongod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the lock, nor the listening socket, nor a secret of the environment is mongod's."""
    monkeypatch.setenv("HMAC_SECRET_KEY", "never-for-mongod")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        asyncio.run(mongod.start())
        process = Path(f"/proc/{mongod.pid}")
        opened = {os.readlink(file) for file in (process / "fd").iterdir()}
        ours = os.readlink(f"/proc/self/fd/{listener.fileno()}")
    assert ours not in opened
    assert str(settings.data_dir / "mongo" / "lock") not in opened
    assert b"never-for-mongod" not in (process / "environ").read_bytes()
    assert os.getpgid(mongod.pid or 0) != os.getpgid(0), "Ctrl-C in our terminal does not reach it"
    assert os.getsid(mongod.pid or 0) == os.getsid(0), "nice orders the processes of one session only"


def test_a_mongod_that_ends_while_starting_is_reported(settings: Settings, tmp_path: Path) -> None:
    """The message names the log, nothing keeps running, and the directory is free again."""
    broken = tmp_path / "mongod"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho no room\nexit 14\n')
    mongod = PrivateMongod(settings.model_copy(update={"mongod_path": broken}))
    with pytest.raises(CannotStart, match=r"exit code 14.*mongod\.log"):
        asyncio.run(mongod.start())
    assert "no room" in Home(settings.data_dir).log.read_text()
    free_again = PrivateMongod(settings)
    assert free_again.lock()
    asyncio.run(free_again.stop())


@pytest.mark.long
def test_a_mongod_that_does_not_listen_is_stopped_by_force(settings: Settings, mongod: PrivateMongod) -> None:
    """A stop is over in bounded time, whatever state mongod is in."""
    asyncio.run(mongod.start())
    pid = mongod.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began_at = time.monotonic()
    asyncio.run(mongod.stop())
    assert time.monotonic() - began_at < STOP_TIMEOUT_S + 5
    assert not is_running(pid)
