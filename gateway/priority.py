"""What is in no hurry gives way to what is."""

import os
from contextlib import suppress
from pathlib import Path


def lower(pid: int, niceness: int) -> None:
    """The process gets at least this `nice`; to give less is root's. Also against other sessions: where Linux groups processes by
    their session, `nice` orders those of one session only, so the group of a process that leads its own is lowered with it."""
    with suppress(ProcessLookupError):  # it may have ended already
        niceness = max(niceness, os.getpriority(os.PRIO_PROCESS, pid))
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        if os.getsid(pid) == pid:
            with suppress(OSError):  # a kernel without such groups
                Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
