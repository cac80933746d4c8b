"""What arrived and what became of it, what the door refused, and ids that came again with other content."""

from collections import Counter
from typing import Final

from gateway.events.refusal_counts import parts_of
from reports.reading import Document, Reading
from reports.table import Builder, Kind, Table, columns, rate
from reports.text import CHARS_MAX, shown

ROWS_MAX: Final = 60
INCIDENTS_MAX: Final = 30


async def received(reading: Reading) -> Table:
    """Events by source, outcome and, where they were not applied, reason."""
    period = reading.asked.period
    reason = {"$cond": [{"$in": ["$outcome", ["rejected", "parked", "ignored"]]}, _text("reason"), ""]}
    key = {"source": "$source", "outcome": {"$ifNull": ["$outcome", "waiting"]}, "reason": reason}
    wanted: Document = {"received_at": {"$gte": period.since, "$lt": period.until}}
    if reading.asked.source:
        wanted["source"] = reading.asked.source
    rows = await reading.rows(
        "events",
        [
            {"$match": wanted},
            {"$project": {"_id": 0, "source": 1, "outcome": 1, "reason": 1}},
            {"$group": {"_id": key, "n": {"$sum": 1}}},
            {"$sort": {"n": -1, "_id": 1}},
        ],
    )
    built = Builder(
        columns(
            ("source", "Source", Kind.CODE),
            ("outcome", "Outcome", Kind.TEXT),
            ("reason", "Reason", Kind.TEXT),
            ("events", "Events", Kind.COUNT, True),
        )
    )
    for row in rows[:ROWS_MAX]:
        key = row["_id"]
        built.add(
            source=shown(key["source"]), outcome=shown(key["outcome"]), reason=shown(key["reason"]), events=row["n"]
        )
    reading.step_done("events")
    return built.table(
        "events",
        "Events received",
        "Every webhook that was let in, and what became of it by the time of this report.",
        empty="No event was received in this period.",
        left_out=max(0, len(rows) - ROWS_MAX),
    )


async def refused(reading: Reading) -> Table:
    """Requests that the door refused. Every one is counted for a week; of earlier ones the kept rows are counted."""
    period = reading.asked.period
    cut = await parts_of(reading.database, period.since, period.until, now=reading.now)
    of_source = {"source": reading.asked.source} if reading.asked.source else {}
    refusals: Counter[tuple[str, str]] = Counter()
    for part in cut.parts:
        group = {"_id": {"source": _text("source"), "reason": "$reason"}, "n": part.number}
        for row in await reading.rows(part.collection, [{"$match": part.condition | of_source}, {"$group": group}]):
            refusals[row["_id"]["source"], row["_id"]["reason"]] += row["n"]
    if cut.at_least:
        kept = await reading.database["rejections"].find_one({}, {"at": 1}, sort=[("$natural", 1)])
        about = (
            "Refused requests, by reason; there may have been more, as a part of them comes from a log of bounded size"
        )
        about += f" that reaches back to {period.local(kept['at']):%Y-%m-%d %H:%M}." if kept else ", which is empty."
    else:
        about = "Every request that was refused, by reason: what a wall keeps out is also what somebody tried."
    rows = sorted(refusals.items(), key=lambda each: (-each[1], each[0]))
    total = refusals.total()
    built = Builder(
        columns(
            ("source", "Source", Kind.CODE),
            ("reason", "Reason", Kind.TEXT),
            ("requests", "Requests", Kind.COUNT, True),
            ("share", "Share", Kind.RATE),
        )
    )
    for (source, reason), number in rows[:ROWS_MAX]:
        built.add(
            source=shown(source),
            reason=shown(reason).replace("_", " "),
            requests=number,
            share=rate(number, total),
        )
    reading.step_done("refused requests")
    return built.table(
        "refusals",
        "Refused requests",
        about,
        empty="No request was refused in this period.",
        left_out=max(0, len(rows) - ROWS_MAX),
    )


async def incidents(reading: Reading) -> Table:
    """Ids that came again with other content: never booked, always worth a question to the provider."""
    period = reading.asked.period
    wanted: Document = {"at": {"$gte": period.since, "$lt": period.until}}
    if reading.asked.source:
        wanted["source"] = reading.asked.source
    collection = reading.database["incidents"]
    found = await collection.find(wanted, {"body": 0}).sort([("at", -1), ("_id", 1)]).limit(INCIDENTS_MAX).to_list()
    built = Builder(
        columns(
            ("at", "When", Kind.MOMENT),
            ("source", "Source", Kind.CODE),
            ("kind", "Kind", Kind.TEXT),
            ("event", "Event", Kind.CODE),
        )
    )
    for row in found:
        built.add(
            at=period.local(row["at"]),
            source=shown(row.get("source")),
            kind=shown(row.get("kind")),
            event=shown(row.get("event_id")),
        )
    left_out = await collection.count_documents(wanted) - len(found)
    return built.table(
        "incidents",
        "Incidents",
        "An id that was used before came again with other content. It was refused; ask the sender which is true.",
        empty="No incident in this period.",
        left_out=left_out,
    )


def _text(name: str) -> Document:
    """Cut before grouping, so that a sender's long text cannot make a group key of its size."""
    return {"$substrCP": [{"$ifNull": [f"${name}", ""]}, 0, CHARS_MAX]}
