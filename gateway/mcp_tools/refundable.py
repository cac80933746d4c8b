"""How much of a payment an agent may still ask to have refunded: the amount less

    refunds that are booked, or that the provider has begun (failed and canceled ones are over),
    requests that are done, as long as no refund was told of that can be theirs,
    requests that are pending.

It errs towards less: who refunds in other parts than were asked for has them counted twice.
"""

from collections.abc import Iterable
from typing import Final

import pymongo
from pymongo.errors import PyMongoError

from gateway.access.requests import REQUESTS
from gateway.errors import BadRequest
from gateway.queries.reading import Database, Document, answered_within

REFUNDS_S_MAX: Final = 3.0
"""For the way along a source's refunds. Within what a whole question may take, so that the refusal can be told."""
_COUNTED: Final = frozenset({"PENDING", "SUCCEEDED"})


async def left_of(database: Database, payment: str, *, but_for: str) -> int:
    """In minor units; not negative. `but_for` is a request that does not count: the one that is about to be made. Raises
    `BadRequest` when it cannot be told in time, and `StoreUnavailable`.

    It rests on what is stored in this moment: a webhook that is on its way is not known, nor a refund that names no payment.
    """
    asked = {"payment": payment, "status": {"$in": ["pending", "done"]}, "_id": {"$ne": but_for}}
    with answered_within():
        requests = await database[REQUESTS].find(asked, {"status": 1, "amount_minor": 1, "at": 1}).to_list()
        found = await database.objects.find_one({"_id": payment}, {"source": 1, "amount_minor": 1, "last_event_id": 1})
        if found is None:
            return 0
        refunds = await _refunds_of(database, found)
    pending = _sum(request for request in requests if request["status"] == "pending")
    untold = _untold([request for request in requests if request["status"] == "done"], refunds)
    told = _sum(refund for refund in refunds if refund["state"] in _COUNTED)
    return max(0, int(found["amount_minor"]) - told - untold - pending)


async def _refunds_of(database: Database, payment: Document) -> list[Document]:
    """Every refund of the payment, in whatever state.

    No index leads from a payment to its refunds: each index of the objects costs the writer with every payment. But a refund
    or dispute leaves its event as the payment's last, so most payments are known to have none by one look-up. For the others
    every refund of the source is looked at, by the range of their ids and for a limited time.
    """
    of_others = {"event_id": payment["last_event_id"], "object": {"$ne": payment["_id"]}}
    if await database.transactions.find_one(of_others, {"_id": 1}) is None:
        return []
    of_source = f"{payment['source']}:refund"
    ids = {"$gte": f"{of_source}:", "$lt": f"{of_source};"}  # the character after the colon
    fields = {"state": 1, "amount_minor": 1, "updated_at": 1}
    try:
        with pymongo.timeout(REFUNDS_S_MAX):
            return await database.objects.find({"_id": ids, "parent": payment["_id"]}, fields).to_list()
    except PyMongoError as failed:
        if not failed.timeout:
            raise
        raise BadRequest(
            "This payment has refunds or disputes, and to look through all refunds of its source takes too long here. "
            "A person can see at the provider what is left, and refund it there."
        ) from None


def _untold(done: list[Document], refunds: list[Document]) -> int:
    """What the provider has not told of yet of the requests that are done. A refund is a request's when it has its amount and
    changed after it was made; it stays so though it fails."""
    left, untold = list(refunds), 0
    for request in sorted(done, key=lambda each: each["at"], reverse=True):  # the latest has the fewest to choose from
        for refund in left:
            if refund["amount_minor"] == request["amount_minor"] and refund["updated_at"] >= request["at"]:
                left.remove(refund)
                break
        else:
            untold += request["amount_minor"]
    return untold


def _sum(things: Iterable[Document]) -> int:
    return sum(thing["amount_minor"] for thing in things)
