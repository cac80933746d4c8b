"""A report's files: each written whole or not at all, readable by its owner only, named by its period and filters."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError
from reports.formats import Format, content_of, csv_files
from reports.report import Report

_WORD_MAX: Final = 40


class NotWritten(GatewayError):
    """The report could not be written to where it was wanted; no half-written file is left."""

    reason = "report_not_written"


def file_name(report: Report) -> str:
    """Without an ending: report-2026-11-01--2026-12-01, with the filters behind it."""
    return "-".join([f"report-{report.period.name}", *map(_word, report.filters.values())])


def _word(value: str) -> str:
    """As any file system takes it. What had to be changed or cut has a hash behind it: shop/1 is another wallet than shop:1."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", value)[:_WORD_MAX]
    if safe == value:
        return safe
    return f"{safe}-{hashlib.sha256(value.encode(errors='surrogatepass')).hexdigest()[:8]}"


def write_report(report: Report, out: Path, formats: Sequence[Format]) -> dict[Format, Path]:
    """One file per format; CSV is a folder of one file per table. Raises `NotWritten`."""
    name = file_name(report)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {each: _write_format(report, out / f"{name}.{each.value}", each) for each in dict.fromkeys(formats)}
    except OSError as failed:
        raise NotWritten(f"The report could not be written to {out}: {failed.strerror or failed}.") from failed


def _write_format(report: Report, path: Path, wanted: Format) -> Path:
    if wanted is not Format.CSV:
        write_whole(path, content_of(report, wanted))
        return path
    folder = path.with_name(f"{path.stem}-csv") if path.suffix == ".csv" else path
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    for name, content in csv_files(report).items():
        write_whole(folder / name, content)
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """All of it or nothing: a private temporary file beside it, on disk, then renamed over it."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
