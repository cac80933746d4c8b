"""The directory of the private mongod: its lock and its state file."""

import os
from pathlib import Path

import pytest

from gateway.errors import CannotStart
from gateway.mongo.home import LOG_BYTES_MAX, Home, State, running_uri

STATE = State(port=15_001, user="gateway", password="secret-of-the-state", prepared=True, pid=os.getpid())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.make()
    return home


def test_the_state_reads_back_as_it_was_written(home: Home) -> None:
    """What one gateway stored, the next finds."""
    assert home.load() is None
    home.save(STATE)
    assert home.load() == STATE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"port": 1}', b"\xff"])
def test_an_unreadable_state_is_a_clear_refusal(home: Home, content: bytes) -> None:
    """A damaged state file is never taken for a first start."""
    (home.path / "mongod.json").write_bytes(content)
    with pytest.raises(CannotStart, match=r"mongod\.json cannot be read"):
        home.load()


def test_a_reused_pid_is_no_running_mongod(home: Home) -> None:
    """A pid in the state counts only if that process is a mongod on our files."""
    home.save(STATE)
    assert running_uri(home.data_dir) is None


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    """Asking creates nothing."""
    assert running_uri(tmp_path / "nowhere") is None
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_given_once_and_given_back(home: Home) -> None:
    """Closing the lock, which a process does in dying, frees the directory."""
    first = home.lock()
    assert first is not None
    assert home.lock() is None
    assert home.holder() == str(os.getpid())
    first.close()
    second = home.lock()
    assert second is not None
    second.close()


def test_no_child_inherits_the_lock(home: Home) -> None:
    """A child that outlives the gateway must not keep the directory locked."""
    lock = home.lock()
    assert lock is not None
    with lock:
        assert not os.get_inheritable(lock.fileno())


def test_a_long_log_is_set_aside(home: Home) -> None:
    """The log is bounded: one aside, one current."""
    home.log.touch()
    os.truncate(home.log, LOG_BYTES_MAX + 1)
    home.set_log_aside()
    assert not home.log.exists()
    assert home.log.with_suffix(".log.1").exists()


def test_a_directory_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    """DATA_DIR below a file: one sentence, no traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="DATA_DIR"):
        Home(tmp_path / "file" / "data").make()
