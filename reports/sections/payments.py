"""How payments ended: the success rate by source, and why the others were declined, as the provider's event says."""

from collections import Counter
from typing import Any, Final

import orjson
import pymongo

from gateway.encryption import Cipher
from gateway.errors import CannotDecrypt
from gateway.events.at_rest import plain_body
from reports.reading import BATCH, QUERY_S_MAX, Document, Reading, answering
from reports.table import Builder, Kind, Table, columns, rate
from reports.text import shown

REASONS_MAX: Final = 40
NOT_KEPT: Final = "(the body is not kept any more)"
NOT_SAID: Final = "(the event gives no reason)"
_PLACES: Final = (
    ("data", "object", "last_payment_error", "decline_code"),
    ("data", "object", "last_payment_error", "code"),
    ("payload", "payment", "entity", "error_reason"),
    ("payload", "payment", "entity", "error_code"),
    ("data", "reason"),
    ("reason",),
)
"""Where the reason of a failed payment stands: Stripe (docs.stripe.com/declines/codes), Razorpay
(razorpay.com/docs/errors), Standard Webhooks, and the gateway's own scheme."""


async def success(reading: Reading) -> Table:
    """Results of payments in the period. One that failed and was paid at the next try counts in both columns."""
    period = reading.asked.period
    wanted = await reading.transactions(gte=period.since, lt=period.until) | {"object": {"$regex": "^[^:]+:payment:"}}
    wanted["change.to"] = {"$in": ["CAPTURED", "FAILED", "CANCELED"]}
    group = {"_id": {"currency": "$currency", "source": "$source", "to": "$change.to"}, "n": {"$sum": 1}}
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in await reading.rows("transactions", [{"$match": wanted}, {"$group": group}]):
        counts[row["_id"]["currency"], row["_id"]["source"], row["_id"]["to"]] = row["n"]
    built = Builder(
        columns(
            ("currency", "Currency", Kind.TEXT),
            ("source", "Source", Kind.CODE),
            ("captured", "Paid", Kind.COUNT, True),
            ("failed", "Failed", Kind.COUNT, True),
            ("canceled", "Canceled", Kind.COUNT, True),
            ("success_rate", "Success rate", Kind.RATE),
        )
    )
    for currency, source in sorted({key[:2] for key in counts}):
        paid, failed, canceled = (counts[currency, source, to] for to in ("CAPTURED", "FAILED", "CANCELED"))
        built.add(
            currency=currency,
            source=shown(source),
            captured=paid,
            failed=failed,
            canceled=canceled,
            success_rate=rate(paid, paid + failed),
        )
    reading.step_done("payments")
    return built.table(
        "success",
        "Payments and their success",
        "Results that providers reported; the success rate is paid of paid and failed. A payment that failed and was paid at "
        "the next try counts in both.",
        empty="No payment was paid, failed or canceled in this period.",
    )


async def declines(reading: Reading, cipher: Cipher) -> Table:
    """Why payments failed. The failed events are streamed and opened one by one; only the short reason code is kept."""
    period = reading.asked.period
    wanted = await reading.transactions(gte=period.since, lt=period.until) | {
        "object": {"$regex": "^[^:]+:payment:"},
        "change.to": "FAILED",
    }
    counts: Counter[tuple[str, str]] = Counter()
    batch: list[Document] = []
    with answering(), pymongo.timeout(QUERY_S_MAX):
        found = reading.database["transactions"].find(wanted, {"event_id": 1, "source": 1}, batch_size=BATCH)
        async for transaction in found:
            batch.append(transaction)
            if len(batch) == BATCH:
                await _count(reading, batch, cipher, counts)
                batch = []
        await _count(reading, batch, cipher, counts)
    reading.step_done("declines")
    return _declined(counts)


async def _count(reading: Reading, batch: list[Document], cipher: Cipher, counts: Counter[tuple[str, str]]) -> None:
    fields = {"source": 1, "body": 1, "body_key": 1, "body_removed_at": 1}
    found = reading.database["events"].find({"_id": {"$in": [each["event_id"] for each in batch]}}, fields)
    async for event in found:
        counts[event["source"], reason_of(event, cipher)] += 1


def reason_of(event: Document, cipher: Cipher) -> str:
    """The provider's code for why a payment failed, or why there is none."""
    try:
        body = orjson.loads(plain_body(event, event["_id"], cipher))
    except CannotDecrypt:
        return NOT_KEPT
    except orjson.JSONDecodeError:
        return NOT_SAID
    for place in _PLACES:
        if (found := _at(body, place)) is not None:
            return shown(found, 60)
    return NOT_SAID


def _at(body: Any, place: tuple[str, ...]) -> str | None:
    for name in place:
        body = body.get(name) if isinstance(body, dict) else None
    return body if isinstance(body, str) and body.strip() else None


def _declined(counts: Counter[tuple[str, str]]) -> Table:
    built = Builder(
        columns(
            ("source", "Source", Kind.CODE),
            ("reason", "Reason", Kind.CODE),
            ("payments", "Failed payments", Kind.COUNT, True),
            ("share", "Share", Kind.RATE),
        )
    )
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    for (source, reason), payments in ranked[:REASONS_MAX]:
        built.add(source=shown(source), reason=reason, payments=payments, share=rate(payments, counts.total()))
    return built.table(
        "declines",
        "Why payments failed",
        "The provider's own reason codes, the most frequent first.",
        empty="No payment failed in this period.",
        left_out=max(0, len(ranked) - REASONS_MAX),
    )
