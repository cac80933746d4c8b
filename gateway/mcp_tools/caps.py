"""How much one agent may move or ask for, with one call and within one day, per currency; what is not named is nothing.

agent_spend: _id ("<day>:<principal>:<currency>"), used_minor, calls (the calls that are counted in it), at
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway.errors import BadRequest, CannotStart
from gateway.mcp_tools.asking import Around
from gateway.money import NotMoney, decimal_text, minor_units
from gateway.queries.reading import answered_within
from gateway.settings import Settings

SPEND: Final = "agent_spend"
CALLS_PER_DAY_MAX: Final = 1_000
"""Counted calls of one agent in one currency; one more is refused."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Minor units by currency."""

    per_call: Mapping[str, int]
    per_day: Mapping[str, int]

    async def spend(self, around: Around, call_id: str, amount_minor: int, currency: str) -> None:
        """Count the amount for this call, once, or change nothing and raise `BadRequest`. What was counted stays counted though
        the call fails afterwards: the cap errs towards less."""
        most = min(self.per_call.get(currency, 0), self.per_day.get(currency, 0))
        if not most:
            raise BadRequest(
                f"Agents may not move {currency} here: MCP_CAP_PER_CALL and MCP_CAP_PER_DAY name no such cap. Ask the operator."
            )
        if amount_minor > most:
            raise BadRequest(
                f"This is over what an agent may move with one call: {decimal_text(most, currency)} {currency}."
            )
        now = around.now()
        day = f"{now:%Y-%m-%d}:{around.caller().key_id}:{currency}"
        spend = around.database()[SPEND]
        room = {
            "_id": day,
            "used_minor": {"$lte": self.per_day[currency] - amount_minor},
            "calls": {"$ne": call_id},
            f"calls.{CALLS_PER_DAY_MAX - 1}": {"$exists": False},
        }
        with answered_within():
            await spend.update_one(
                {"_id": day}, {"$setOnInsert": {"used_minor": 0, "calls": [], "at": now}}, upsert=True
            )
            counted = await spend.update_one(room, {"$inc": {"used_minor": amount_minor}, "$push": {"calls": call_id}})
            if counted.modified_count or await spend.find_one({"_id": day, "calls": call_id}, {"_id": 1}):
                return
        raise BadRequest(
            f"This is over what an agent may move in one day: {decimal_text(self.per_day[currency], currency)} {currency}, "
            "or over its calls of a day. Nothing was done."
        )


def read_caps(settings: Settings) -> Caps:
    """Raises `CannotStart`, a sentence per setting that cannot be read."""
    read, problems = {}, []
    for name in ("mcp_cap_per_call", "mcp_cap_per_day"):
        try:
            told = TypeAdapter(dict[str, str]).validate_python(orjson.loads(getattr(settings, name)))
            read[name] = {currency: minor_units(amount, currency) for currency, amount in told.items()}
        except (ValidationError, NotMoney, orjson.JSONDecodeError):
            problems.append(f'{name.upper()}: cannot be read; write it like {{"INR": "5000", "USD": "100.00"}}.')
    if problems:
        raise CannotStart(*problems)
    return Caps(read["mcp_cap_per_call"], read["mcp_cap_per_day"])
