"""Closed periods are said once: the report of one is kept with the ledger's position, and given again byte for byte.

The ledger's part would come out the same anyway. What stands beside it would not: a parked event is settled later, counts of
refused requests are kept for a week, a model never writes the same twice.
"""

import hashlib
import json
import zlib
from typing import Any, Final

from bson import Binary
from pymongo.errors import DuplicateKeyError

from gateway.queries.reading import Database
from reports.asked import Asked
from reports.position import link_at
from reports.report import FORMAT, Report, as_json, from_json

BYTES_MAX: Final = 12_000_000
"""Packed; MongoDB's documents end at 16 MB. A larger report is computed again each time."""
COLLECTION: Final = "reports"


def name_of(asked: Asked) -> str:
    """The same for the same question."""
    period = asked.period
    question = {
        "format": FORMAT,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "zone": period.zone,
        "unit": period.unit,
        "filters": [asked.source, asked.currency, asked.wallet],
        "compare": asked.compare,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


async def find_kept(database: Database, asked: Asked) -> Report | None:
    """None where there is none, or where the chain no longer bears out the position that it was computed at."""
    kept = await database[COLLECTION].find_one({"_id": name_of(asked)})
    if kept is None:
        return None
    report = from_json(zlib.decompress(kept["content"]))
    if report.position.seq and await link_at(database, report.position.seq) != report.position.link:
        return None
    return report


async def keep(database: Database, asked: Asked, report: Report, *, anew: bool) -> Report:
    """Keeps it unless another process has kept one meanwhile; gives the one that stands."""
    content = zlib.compress(as_json(report))
    if len(content) > BYTES_MAX:
        return report
    document: dict[str, Any] = {
        "since": asked.period.since, "until": asked.period.until, "seq": report.position.seq,
        "link": report.position.link, "content": Binary(content),
    }  # fmt: skip
    name = name_of(asked)
    if anew:
        await database[COLLECTION].replace_one({"_id": name}, document, upsert=True)
        return report
    try:
        await database[COLLECTION].insert_one({"_id": name, **document})
    except DuplicateKeyError:
        return await find_kept(database, asked) or report
    return report
