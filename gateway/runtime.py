"""Which Python runs this. One that was compiled without its own optimisations takes a sixth longer for everything here."""

import platform
import sys
import sysconfig
from pathlib import Path
from typing import Final

OPTIMISED: Final = "--enable-optimizations"
_DISTRIBUTION: Final = Path("/usr")


def is_plainly_compiled(configured: str | None = None, prefix: str = sys.base_prefix) -> bool:
    """Whether somebody compiled it from source and did not ask for the optimisations: pyenv's default, say. Distributions ask for
    them in ways of their own, and where it cannot be told (Windows) it is not said."""
    if configured is None:
        configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return bool(configured) and OPTIMISED not in configured and Path(prefix) != _DISTRIBUTION


def python_version() -> str:
    """With a word about how it was compiled, where that slows it."""
    return f"{platform.python_version()}{', compiled without optimisations' if is_plainly_compiled() else ''}"
