"""What was sent, laid out for a person's eye, every value as it was written."""

import re
from collections.abc import Iterator
from typing import Final

_INDENT: Final = "  "
_INDENTS_MAX: Final = 30
"""Deeper than this nothing moves further to the right: what is nested a thousand deep must not become a thousand times as long."""
_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|"', re.DOTALL)


def indented(text: str) -> str:
    """The JSON on lines of its own, not read and written again: a number keeps its digits, a name that stands twice stands
    twice. What a terminal would obey or would not show is written as an escape."""
    return "\n".join(_lines(text))


def visible(text: str) -> str:
    """The text with an escape for each character that does not print."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _lines(text: str) -> Iterator[str]:
    line, depth = "", 0
    for found in _PART.finditer(text):
        part = found[0]
        if part in "{[":
            yield line + part
            depth += 1
            line = _indent(depth)
        elif part in "}]":
            yield line
            depth = max(0, depth - 1)
            line = _indent(depth) + part
        elif part == ",":
            yield line + part
            line = _indent(depth)
        elif part == ":":
            line += ": "
        else:
            line += visible(part)
    yield line


def _indent(depth: int) -> str:
    return _INDENT * min(depth, _INDENTS_MAX)
