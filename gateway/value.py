"""Small values made by the thousand a second: frozen for the type checker, filled as fast as if they were not.

What `dataclass` does at run time to keep a frozen instance frozen makes filling it two and a half times as dear, and a
payment passes through a dozen of them: a fifteenth of all that the worker does with it. The type checker reads every line of
ours and refuses an assignment all the same. For everything that is made less often, `dataclass` itself.
"""

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from collections.abc import Callable
    from dataclasses import dataclass

    Class = TypeVar("Class", bound=type)

    def value(*, frozen: bool, slots: bool) -> Callable[[Class], Class]:
        """As `dataclass(frozen=True, slots=True)`: compared and hashed by its fields, and usable with `dataclasses.replace`."""
        return dataclass(unsafe_hash=frozen, slots=slots)


__all__ = ["value"]
