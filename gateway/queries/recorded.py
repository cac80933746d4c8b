"""What agents have recorded: measurements by name and errors by kind, counted over a period."""

from datetime import datetime
from typing import Final

from gateway.queries.counted import NAMES_MAX, within
from gateway.queries.period import Period
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within

METRICS: Final = "recorded_metrics"
"""_id, at, name, value, unit, by"""
ERRORS: Final = "recorded_errors"
"""_id, at, component, severity, message, by"""


class RecordedMetric(Answer):
    """All values of one name and unit in the period."""

    name: str
    unit: str
    count: int
    minimum: float
    average: float
    maximum: float
    latest_at: datetime


class RecordedErrors(Answer):
    """All errors of one component and severity in the period."""

    component: str
    severity: str
    count: int
    latest_at: datetime


async def recorded_metrics(
    database: Database, period: Period, *, name: str | None = None, within_s: float = READ_S_MAX
) -> list[RecordedMetric]:
    """By name; the rarest are left out beyond `NAMES_MAX`."""
    match: Document = {"at": within(period), **({"name": name} if name is not None else {})}
    group = {
        "_id": {"name": "$name", "unit": "$unit"},
        "count": {"$sum": 1},
        "minimum": {"$min": "$value"},
        "average": {"$avg": "$value"},
        "maximum": {"$max": "$value"},
        "latest_at": {"$max": "$at"},
    }
    stages: list[Document] = [
        {"$match": match},
        {"$group": group},
        {"$sort": {"count": -1, "_id": 1}},
        {"$limit": NAMES_MAX},
    ]
    with answered_within(within_s):
        found = await (await database[METRICS].aggregate(stages)).to_list()
    return [RecordedMetric(**row.pop("_id"), **row) for row in found]


async def recorded_errors(database: Database, period: Period) -> list[RecordedErrors]:
    """By component and severity; the messages stay in the alert or log that a person reads."""
    group = {
        "_id": {"component": "$component", "severity": "$severity"},
        "count": {"$sum": 1},
        "latest_at": {"$max": "$at"},
    }
    stages: list[Document] = [
        {"$match": {"at": within(period)}},
        {"$group": group},
        {"$sort": {"count": -1, "_id": 1}},
        {"$limit": NAMES_MAX},
    ]
    with answered_within():
        found = await (await database[ERRORS].aggregate(stages)).to_list()
    return [RecordedErrors(**row.pop("_id"), **row) for row in found]
