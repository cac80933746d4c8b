"""The wallets with the largest movements, and whether the balances that legs recorded agree with what legs moved."""

from typing import Final

from reports.reading import Document, Pipeline, Reading, minor, whole
from reports.table import Builder, Kind, Table, columns
from reports.text import shown

WALLETS_MAX: Final = 15
"""Of each currency."""


async def read_wallets(reading: Reading) -> tuple[Table, int]:
    """The table, and how many wallets' recorded balances differ from their legs (none, unless a record was altered)."""
    built = Builder(
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("wallet", "Wallet", Kind.CODE),
            ("opening", "Opening", Kind.MONEY),
            ("inflow", "Inflow", Kind.MONEY),
            ("outflow", "Outflow", Kind.MONEY),
            ("change", "Change", Kind.MONEY),
            ("closing", "Closing", Kind.MONEY),
            ("postings", "Postings", Kind.COUNT),
        )
    )
    left_out = differing = 0
    for row in await reading.rows("transactions", await _pipeline(reading)):
        left_out += row["n"] - len(row["rows"])
        differing += row["differing"]
        for wallet in row["rows"]:
            change, closing = whole(wallet["minor"]), whole(wallet["closing"])
            built.add(
                currency=row["_id"],
                wallet=shown(wallet["account"].removeprefix("wallet:")),
                opening=closing - change,
                inflow=whole(wallet["inflow"]),
                outflow=whole(wallet["outflow"]),
                change=change,
                closing=closing,
                postings=wallet["n"],
            )
    reading.step_done("wallets")
    table = built.table(
        "wallets",
        "Wallets with the largest movements",
        f"Of each currency the {WALLETS_MAX} with the most inflow and outflow together.",
        empty="No wallet had a posting in this period.",
        left_out=left_out,
    )
    return table, differing


async def _pipeline(reading: Reading) -> Pipeline:
    period, amount = reading.asked.period, "$legs.amount_minor"
    account: Document = {"$regex": "^(wallet|suspense):"}
    if owner := reading.asked.wallet:
        account = {"$in": [f"wallet:{owner}", owner]}
    per_wallet = {
        "_id": {"currency": "$currency", "account": "$legs.account"},
        "minor": minor(amount),
        "inflow": minor({"$cond": [{"$gt": [amount, 0]}, amount, 0]}),
        "outflow": minor({"$cond": [{"$lt": [amount, 0]}, {"$abs": amount}, 0]}),
        "n": {"$sum": 1},
        "closing": {"$top": {"sortBy": {"legs.version": -1}, "output": "$legs.balance_after"}},
        "first_after": {"$bottom": {"sortBy": {"legs.version": -1}, "output": "$legs.balance_after"}},
        "first_amount": {"$bottom": {"sortBy": {"legs.version": -1}, "output": amount}},
    }
    shown_fields = {name: f"${name}" for name in ("minor", "inflow", "outflow", "n", "closing")}
    # What the legs moved against what they recorded: last balance − (first balance − first amount). Not with a source
    # filter: the wallet's other movements are then missing between the two.
    recorded = {"$subtract": ["$closing", {"$subtract": ["$first_after", "$first_amount"]}]}
    differs: Document = (
        {"$cond": [{"$eq": [recorded, "$minor"]}, 0, 1]} if not reading.asked.source else {"$literal": 0}
    )
    per_currency = {
        "_id": "$_id.currency",
        "n": {"$sum": 1},
        "differing": {"$sum": differs},
        "rows": {
            "$topN": {
                "n": WALLETS_MAX,
                "sortBy": {"size": -1, "_id.account": 1},
                "output": {"account": "$_id.account", **shown_fields},
            }
        },
    }
    return [
        {"$match": await reading.transactions(gte=period.since, lt=period.until) | {"kind": {"$ne": "state"}}},
        {"$project": {"currency": 1, "legs": 1}},
        {"$unwind": "$legs"},
        {"$match": {"legs.account": account}},
        {"$group": per_wallet},
        {"$set": {"size": {"$add": ["$inflow", "$outflow"]}}},
        {"$group": per_currency},
        {"$sort": {"_id": 1}},
    ]
