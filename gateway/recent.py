"""What was used most recently, bounded: the single writer's memory of documents that nobody else may change."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """At most `size_max` values; the one unused longest goes first."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._values: OrderedDict[str, Value] = OrderedDict()

    def known(self, keys: Iterable[str]) -> tuple[dict[str, Value], list[str]]:
        """The values that are remembered, and the keys that are not."""
        found: dict[str, Value] = {}
        missing: list[str] = []
        for key in keys:
            if key in self._values:
                self._values.move_to_end(key)
                found[key] = self._values[key]
            else:
                missing.append(key)
        return found, missing

    def remember(self, values: Mapping[str, Value]) -> None:
        """All of them, even when they alone are more than `size_max`."""
        for key, value in values.items():
            self._values[key] = value
            self._values.move_to_end(key)
        while len(self._values) > max(self._size_max, len(values)):
            self._values.popitem(last=False)

    def forget(self) -> None:
        """Everything; after a write that is not known to have happened, nothing remembered may be believed."""
        self._values.clear()
