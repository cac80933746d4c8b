"""The whole way: a period in, two private files out."""

import asyncio
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from gateway.errors import GatewayError
from reports.collect import collect
from reports.figures import Figures
from reports.render import as_html, as_json


class NotWritten(GatewayError):
    """The report could not be written to where it was wanted; nothing half-written is left."""

    reason = "report_not_written"


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, and what it says."""

    html: Path
    json: Path
    figures: Figures


async def generate(
    db: AsyncDatabase[dict[str, Any]], *, since: datetime, until: datetime, out: Path, now: datetime
) -> Written:
    """Writes report-<from>--<to>.html and .json into `out` (made if missing), readable by their owner only.

    The period is half-open, in aware UTC; a report of the same period replaces the earlier one. Raises `BadRequest` for
    an empty period, `StoreUnavailable` when MongoDB does not answer in time, `NotWritten` when the files cannot be kept.
    """
    figures = await collect(db, since=since, until=until, now=now)
    name = f"report-{file_date(since)}--{file_date(until)}"
    written = Written(out / f"{name}.html", out / f"{name}.json", figures)
    try:
        await asyncio.to_thread(_write_both, written, as_html(figures), as_json(figures))
    except OSError as failed:
        raise NotWritten(f"The report could not be written to {out}: {failed.strerror or failed}.") from failed
    return written


def file_date(moment: datetime) -> str:
    """The date, with the time of day (ISO 8601 basic, no colons for the sake of file systems) unless it is midnight."""
    whole_day = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return f"{moment:%Y-%m-%d}" if whole_day else f"{moment:%Y-%m-%dT%H%M%SZ}"


def _write_both(written: Written, html: bytes, json: bytes) -> None:
    written.html.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(written.json, json)
    _write(written.html, html)


def _write(path: Path, content: bytes) -> None:
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
