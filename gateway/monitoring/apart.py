"""Work of minutes in a process of its own, at low priority and with an end: an audit, a report."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from gateway.priority import lower


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended; `last_error` is the last line that it wrote to standard error."""

    code: int
    output: bytes
    last_error: str


async def run_apart(*module_and_words: str, environment: Mapping[str, str], niceness: int, within_s: float) -> Ended:
    """`python -m …` with our own environment and `environment` over it. Raises `TimeoutError`; then it is gone as well."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *module_and_words,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A process group of its own, which uvloop knows no other way to ask for, in our session: its priority counts among what is
        # in one (DECISIONS 39).
        preexec_fn=os.setpgrp,
    )
    try:
        lower(child.pid, niceness)
        async with asyncio.timeout(within_s):
            output, errors = await child.communicate()
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        code = await child.wait()
    return Ended(code, output, errors.decode(errors="replace").strip().rpartition("\n")[2])
