"""The whole way: a question in, a report and its private files out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.encryption import Cipher
from gateway.queries.reading import Database
from reports.asked import Asked
from reports.collect import Collected, OnStep, collect
from reports.files import write_report
from reports.formats import ALL, Format
from reports.kept import find_kept, keep
from reports.narrative.written import ModelWriter, narrative
from reports.reading import answering
from reports.report import Report
from reports.sections.settlement import Settlement


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is, by format, and what it says."""

    files: dict[Format, Path]
    report: Report

    @property
    def html(self) -> Path:
        return self.files[Format.HTML]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a report is made with, besides the question. `anew`: compute also what is kept."""

    cipher: Cipher
    model: ModelWriter | None = None
    settlement: Settlement | None = None
    anew: bool = False


async def generate(
    database: Database,
    asked: Asked,
    wishes: Wishes,
    *,
    now: datetime,
    out: Path,
    formats: Sequence[Format] = ALL,
    on_step: OnStep = lambda _what, _of: None,
) -> Written:
    """Writes report-<from>--<to>.<format> into `out` (made if missing), readable by their owner only.

    A report of the same question replaces the earlier one. Raises `BadRequest` for filters that name nothing,
    `StoreUnavailable` when MongoDB does not answer, `NotWritten` when the files cannot be kept.
    """
    report = await make(database, asked, wishes, now=now, on_step=on_step)
    files = await asyncio.to_thread(write_report, report, out, formats)
    return Written(files, report)


async def make(
    database: Database, asked: Asked, wishes: Wishes, *, now: datetime, on_step: OnStep = lambda _what, _of: None
) -> Report:
    """The report: the kept one of a closed period, else computed. One with a settlement file is never kept: the file may
    change."""
    keeps = wishes.settlement is None
    if keeps and not wishes.anew:
        with answering():
            kept = await find_kept(database, asked)
        if kept is not None:
            return kept
    collected = await collect(database, asked, now=now, cipher=wishes.cipher, file=wishes.settlement, on_step=on_step)
    report = await _in_words(collected, wishes, now)
    if keeps and report.closed:
        with answering():
            return await keep(database, asked, report, anew=wishes.anew)
    return report


async def _in_words(collected: Collected, wishes: Wishes, now: datetime) -> Report:
    tables = {table.key: table for table in collected.tables}
    asked = collected.asked
    filters = {"source": asked.source, "currency": asked.currency, "wallet": asked.wallet}
    return Report(
        period=asked.period,
        filters={name: value for name, value in filters.items() if value},
        closed=collected.closed,
        made_at=None if collected.closed else now,
        position=collected.position,
        narrative=await narrative(tables, asked.period, wishes.model),
        tables=collected.tables,
        checks=collected.checks,
    )
