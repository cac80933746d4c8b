"""Where the ledger stood when a period ended: a number and the chain's link there, which nobody can make up afterwards."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.booked import last_seq
from gateway.events.progress import waiting_condition
from gateway.queries.reading import Database

LINK_BYTES: Final = 32
SETTLES_S: Final = 60
"""After its end a period may still get a batch that was stamped just before it."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last transaction booked before a moment; `seq` 0: none."""

    seq: int
    link: str

    @property
    def words(self) -> str:
        return f"transaction {self.seq}, link {self.link}" if self.seq else "an empty ledger"


EMPTY: Final = Position(0, "")


async def position_before(database: Database, until: datetime) -> Position:
    """The chain's head at that moment, from the seal that holds the last transaction before it."""
    seq = await last_seq(database, {"$lt": until})
    return Position(seq, await link_at(database, seq)) if seq else EMPTY


async def link_at(database: Database, seq: int) -> str:
    """In hex; empty where the transaction was booked before the chain began, or its seal is missing (the audit says so)."""
    seal = await database["seals"].find_one({"_id": {"$lte": seq}, "last_seq": {"$gte": seq}}, sort=[("_id", -1)])
    if seal is None:
        return ""
    place = seq - int(seal["_id"])
    return bytes(seal["links"])[LINK_BYTES * place : LINK_BYTES * (place + 1)].hex()


async def is_closed(database: Database, until: datetime, now: datetime) -> bool:
    """Whether nothing can be booked into the period any more: it is over, and no event from before its end still waits."""
    if now < until + timedelta(seconds=SETTLES_S):
        return False
    waits = {**await waiting_condition(database), "received_at": {"$lt": until}}
    return await database["events"].find_one(waits, {"_id": 1}) is None
