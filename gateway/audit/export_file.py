"""The rows of an export, one at a time with their line numbers, whatever the file's size: CSV, a JSON list, or JSON objects.

A provider's API answers in pages, `{"items": [...]}` (Razorpay) or `{"data": [...]}` (Stripe); a page is its rows.
"""

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

from gateway.errors import GatewayError

CHUNK_CHARS: Final = 1 << 16
VALUE_CHARS_MAX: Final = 32_000_000
"""One JSON value: a row, or a page of them."""
CELL_CHARS_MAX: Final = 1_000_000

Fields = dict[str, Any]

_DECODER: Final = json.JSONDecoder(parse_float=Decimal)
"""Decimals stay what was written; a float would have rounded them."""
_PAGES: Final = ("items", "data")


class NotAnExport(GatewayError):
    """The file is none that rows can be read from."""

    reason = "not_an_export"


class Unreadable(Exception):
    """The file cannot be read any further; `str()` says why, `line` where."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def read_fields(file: Path) -> Iterator[tuple[int, Fields | None]]:
    """Line number and fields of each row, None where the row is no record. Raises `NotAnExport`, and `Unreadable` at a fault."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        try:
            start = text.read(CHUNK_CHARS)
            text.seek(0)
            if start.lstrip()[:1] in ("[", "{"):
                yield from _json_rows(text)
            else:
                yield from _csv_rows(text, start.partition("\n")[0])
        except UnicodeDecodeError:
            raise NotAnExport(f"{file.name} is no UTF-8 text; export it as UTF-8 CSV or JSON.") from None


def is_json(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace") as text:
        return text.read(CHUNK_CHARS).lstrip()[:1] in ("[", "{")


def _csv_rows(text: TextIO, header: str) -> Iterator[tuple[int, Fields | None]]:
    csv.field_size_limit(CELL_CHARS_MAX)
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(text, delimiter=delimiter)
    names = [_name(name) for name in next(rows, [])]
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as wrong:
            raise Unreadable(rows.line_num, f"no CSV: {wrong}") from None
        if cells is None:
            return
        if not any(cells):
            continue
        yield rows.line_num, dict(zip(names, cells, strict=True)) if len(cells) == len(names) else None


def _json_rows(text: TextIO) -> Iterator[tuple[int, Fields | None]]:
    for line, value in _json_values(text):
        page = next((value[name] for name in _PAGES if isinstance(value.get(name), list)), None) if value else None
        if page is None:
            yield line, value
        else:
            yield from ((line, _named(row)) for row in page)


def _json_values(text: TextIO) -> Iterator[tuple[int, Fields | None]]:
    """The values of a list, or those that stand one after the other, never more of the file in memory than the next one.

    Raises `Unreadable` where the text is no JSON, ends too early, or goes on after its list.
    """
    buffer, line, ended = text.read(CHUNK_CHARS), 1, False
    before = len(buffer) - len(buffer.lstrip())
    in_list = buffer[before : before + 1] == "["
    line += buffer.count("\n", 0, before)
    buffer = buffer[before + in_list :]
    while True:
        rest = buffer.lstrip(" \t\r\n," if in_list else " \t\r\n")
        line += buffer.count("\n", 0, len(buffer) - len(rest))
        buffer = rest
        if in_list and buffer.startswith("]"):
            if buffer[1:].strip() or text.read().strip():
                raise Unreadable(line, "the list ends here, and the file goes on")
            return
        try:
            value, end = _DECODER.raw_decode(buffer)
        except (json.JSONDecodeError, RecursionError) as wrong:
            if ended and not buffer and not in_list:
                return
            if ended or len(buffer) > VALUE_CHARS_MAX:
                raise Unreadable(line, "no JSON from here on") from wrong
            more = text.read(max(CHUNK_CHARS, len(buffer)))
            buffer, ended = buffer + more, not more
            continue
        yield line, _named(value)
        line += buffer.count("\n", 0, end)
        buffer = buffer[end:]


def _named(row: object) -> Fields | None:
    return {_name(name): value for name, value in row.items()} if isinstance(row, dict) else None


def _name(column: str) -> str:
    """`Created (UTC)` is `created_utc`: how a column is called in one export is how it is called in all."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in column.lower()).split())
