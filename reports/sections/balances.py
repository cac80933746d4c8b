"""Opening, inflow, outflow, fees and closing per currency and account, and whether they foot.

The opening is the sum of every leg before the period. So that this does not grow with the ledger, the sums at the end of a
closed period are kept with the chain's link there (`report_balances`); the next report starts from the last kept ones, unless
the chain no longer has that link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reports.position import Position, link_at, position_before
from reports.reading import Document, Pipeline, Reading, minor, whole
from reports.table import Builder, Kind, Table, columns
from reports.text import shown

Account = tuple[str, str]
"""Currency, and the account: a wallet's and a debtor's count as "wallets" and "receivable", the others by name."""

COLUMNS: Final = columns(
    ("currency", "Currency", Kind.TEXT),
    ("account", "Account", Kind.CODE),
    ("opening", "Opening", Kind.MONEY, True),
    ("inflow", "Inflow", Kind.MONEY, True),
    ("outflow", "Outflow", Kind.MONEY, True),
    ("fees", "Fees", Kind.MONEY, True),
    ("closing", "Closing", Kind.MONEY, True),
)
_ABOUT_WALLET: Final = "The wallet's own accounts: opening + inflow − outflow − fees = closing."
_ABOUT_ALL: Final = (
    "Every account of the books: opening + inflow − outflow − fees = closing, and in each currency all accounts together are "
    "zero, because each booking takes from one what it gives to another. Money that came in through a provider stands on its "
    "clearing account with a minus."
)
_CLASSES: Final = {"wallet": "wallets", "receivable": "receivable"}


@dataclass(frozen=True, slots=True)
class Moved:
    """What one account's legs of the period add up to."""

    inflow: int = 0
    outflow: int = 0
    fees: int = 0
    legs: int = 0


async def read_balances(reading: Reading, *, closed: bool) -> Table:
    """The table. Closing sums of a closed and unfiltered period are kept for the reports after it."""
    period = reading.asked.period
    opening = await _sums_before(reading, period.since)
    moved = await _moved(reading)
    reading.step_done("balances")
    # The closing is counted on its own, all legs in one sum: that it foots is then something to find out.
    closing = _added(opening, {key: each.legs for key, each in moved.items()})
    if closed and not reading.asked.filtered:
        await _keep(reading, period.until, closing)
    return table(opening, moved, closing, whole_books=not reading.asked.wallet)


def table(
    opening: Mapping[Account, int],
    moved: Mapping[Account, Moved],
    closing: Mapping[Account, int],
    *,
    whole_books: bool = True,
) -> Table:
    built = Builder(COLUMNS)
    for currency, account in sorted({*opening, *moved, *closing}, key=lambda each: (each[0], _order(each[1]))):
        key = currency, account
        change = moved.get(key, Moved())
        row = (opening.get(key, 0), change.inflow, change.outflow, change.fees, closing.get(key, 0))
        if any(row):
            built.add(
                currency=currency,
                account=shown(account),
                **dict(zip(("opening", "inflow", "outflow", "fees", "closing"), row, strict=True)),
            )
    return built.table(
        "balances",
        "Balances",
        _ABOUT_ALL if whole_books else _ABOUT_WALLET,
        empty="No account has had a booking yet.",
    )


def _order(account: str) -> tuple[int, str]:
    """What belongs to somebody first, then where it came from."""
    first = {"wallets": 0, "receivable": 1}
    return first.get(account, 2), account


def feet(balances: Table, *, whole_books: bool = True) -> list[str]:
    """What does not foot, in words; empty when all does. The sum of all accounts is zero only where all are there."""
    faults = [
        f"{row['account']} in {row['currency']}"
        for row in balances.records()
        if row["opening"] + row["inflow"] - row["outflow"] - row["fees"] != row["closing"]
    ]
    place = balances.place("closing")
    totals = balances.totals() if whole_books else ()
    faults += [f"the sum of all accounts in {balances.currency(row)}" for row in totals if row[place] != 0]
    return faults


_ACCOUNT: Final[Document] = {
    "$let": {
        "vars": {"class": {"$first": {"$split": ["$legs.account", ":"]}}},
        "in": {
            "$switch": {
                "branches": [{"case": {"$eq": ["$$class", name]}, "then": plural} for name, plural in _CLASSES.items()],
                "default": "$legs.account",
            }
        },
    }
}
_KEY: Final[Document] = {"currency": "$currency", "account": _ACCOUNT}


async def _legs(reading: Reading, **times: datetime) -> Pipeline:
    """Every leg; with a wallet asked for only its own: the wallet's, and what its owner owes."""
    stages: Pipeline = [
        {"$match": await reading.transactions(**times) | {"kind": {"$ne": "state"}}},
        {"$project": {"currency": 1, "kind": 1, "legs": 1}},
        {"$unwind": "$legs"},
    ]
    if reading.asked.wallet:
        owner = reading.asked.wallet
        own = [f"wallet:{owner}", f"receivable:{owner}", owner]
        stages.append({"$match": {"legs.account": {"$in": own}}})
    return stages


async def _moved(reading: Reading) -> dict[Account, Moved]:
    amount = "$legs.amount_minor"
    fee = {"$and": [{"$lt": [amount, 0]}, {"$eq": [{"$substrBytes": ["$kind", 0, 3]}, "fee"]}]}
    group = {
        "_id": _KEY,
        "inflow": minor({"$cond": [{"$gt": [amount, 0]}, amount, 0]}),
        "outflow": minor({"$cond": [{"$and": [{"$lt": [amount, 0]}, {"$not": [fee]}]}, {"$abs": amount}, 0]}),
        "fees": minor({"$cond": [fee, {"$abs": amount}, 0]}),
        "legs": minor(amount),
    }
    period = reading.asked.period
    rows = await reading.rows(
        "transactions", [*await _legs(reading, gte=period.since, lt=period.until), {"$group": group}]
    )
    return {_account(row): Moved(*(whole(row[name]) for name in ("inflow", "outflow", "fees", "legs"))) for row in rows}


async def _sums_before(reading: Reading, moment: datetime) -> dict[Account, int]:
    kept = None if reading.asked.filtered else await _kept(reading, moment)
    times = {"gte": kept["_id"], "lt": moment} if kept else {"lt": moment}
    rows = await reading.rows(
        "transactions", [*await _legs(reading, **times), {"$group": {"_id": _KEY, "legs": minor("$legs.amount_minor")}}]
    )
    before = {(each["currency"], each["account"]): int(each["minor"]) for each in kept["sums"]} if kept else {}
    return _added(before, {_account(row): whole(row["legs"]) for row in rows})


async def _kept(reading: Reading, moment: datetime) -> Document | None:
    """The last kept sums up to the moment that the chain still bears out."""
    found = reading.database["report_balances"].find({"_id": {"$lte": moment}}).sort("_id", -1).limit(10)
    async for kept in found:
        if kept["seq"] == 0 or (kept["link"] and await link_at(reading.database, kept["seq"]) == kept["link"]):
            return kept
    return None


async def _keep(reading: Reading, until: datetime, closing: Mapping[Account, int]) -> None:
    position: Position = await position_before(reading.database, until)
    sums: list[dict[str, Any]] = [  # as text: a sum over all wallets may pass 64 bits
        {"currency": currency, "account": account, "minor": str(total)}
        for (currency, account), total in sorted(closing.items())
    ]
    kept = {"seq": position.seq, "link": position.link, "sums": sums}
    await reading.database["report_balances"].update_one({"_id": until}, {"$set": kept}, upsert=True)


def _account(row: Document) -> Account:
    return row["_id"]["currency"], row["_id"]["account"]


def _added(left: Mapping[Account, int], right: Mapping[Account, int]) -> dict[Account, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in {*left, *right}}
