"""What was asked for: a period and the filters, checked before anything is read."""

from dataclasses import dataclass
from typing import Any

from gateway.errors import BadRequest
from gateway.money import NotMoney, exponent
from gateway.queries.reading import Database
from reports.period import Period

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """The report that is wanted; None does not filter."""

    period: Period
    source: str | None = None
    currency: str | None = None
    wallet: str | None = None
    compare: bool = False

    @property
    def filtered(self) -> bool:
        return any((self.source, self.currency, self.wallet))

    @property
    def filter_words(self) -> str:
        """Empty without a filter."""
        named = (("source", self.source), ("currency", self.currency), ("wallet", self.wallet))
        return ", ".join(f"{name} {value}" for name, value in named if value)

    @property
    def transactions(self) -> Document:
        """The condition on a transaction, whenever it was booked."""
        return ({"wallets": self.wallet} if self.wallet else {}) | self.source_and_currency

    @property
    def source_and_currency(self) -> Document:
        named = {"source": self.source, "currency": self.currency}
        return {name: value for name, value in named.items() if value}


async def checked(database: Database, asked: Asked) -> Asked:
    """The same, when each filter names something that can be. Raises `BadRequest` with what there is instead."""
    if asked.currency:
        try:
            exponent(asked.currency)
        except NotMoney:
            raise BadRequest(
                f"{asked.currency[:20]!r} is no currency. Write its ISO 4217 code in capital letters, such as USD or INR."
            ) from None
    if asked.source:
        known = await sources(database)
        if known and asked.source not in known:
            raise BadRequest(f"No event of a source {asked.source[:60]!r} is stored. There are: {', '.join(known)}.")
    if asked.wallet and not await database["wallets"].find_one({"owner": asked.wallet}, {"_id": 1}):
        raise BadRequest(
            f"There is no wallet of {asked.wallet[:60]!r}. A wallet is named by its owner; `gateway report` without "
            "--wallet lists those that moved most."
        )
    return asked


async def sources(database: Database) -> list[str]:
    """The sources that the ledger knows, by skipping from one to the next along the index on objects' keys."""
    found: list[str] = []
    after = ""
    while document := await database["objects"].find_one({"_id": {"$gt": after}}, {"_id": 1}, sort=[("_id", 1)]):
        name = str(document["_id"]).partition(":")[0]
        found.append(name)
        after = f"{name};"  # the character after the colon that ends a source in a key
    return found
