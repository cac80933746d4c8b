"""What stands in the way of a payment, wallet or period, as far as the store knows: KYC level, flags, the audit's last word."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from gateway.booked import booked
from gateway.ledger.owners import level_given
from gateway.ledger.posting_rules import DISPUTE_RUNS
from gateway.queries.counted import within
from gateway.queries.payments import PaymentStatus
from gateway.queries.period import Period
from gateway.queries.reading import Answer, Database, Document

LIMIT_CODE: Final = "PAY_005"
"""In the reason of what was refused for a limit."""


class ComplianceStatus(Answer):
    """`kyc_verified` is true where a person gave the owner a level. `flags_looked_for` are the store's own: no sanctions or watch
    list is consulted, the gateway has none. `audit_trail` is "complete" when the last audit found every invariant to hold and
    came after what is asked about, "broken" when it found one that does not."""

    kyc_verified: bool | None
    kyc_level: str | None
    risk_level: str | None
    regulatory_flags: list[str]
    flags_looked_for: list[str]
    audit_trail: Literal["complete", "broken"] | None
    audited_at: datetime | None


async def compliance_of_payment(
    database: Database, status: PaymentStatus, risk_level: str | None, absent: dict[str, str]
) -> ComplianceStatus:
    """Flags of its object, its wallet and its events."""
    events = sorted({event for event in (status.event_id, *(moved.event_id for moved in status.transactions)) if event})
    flags = {
        "disputed": status.state == "DISPUTED",
        "in_suspense": bool(status.wallet and status.wallet.startswith("suspense:")),
        "identity_conflict": await database.incidents.find_one({"event_id": {"$in": events}}, {"_id": 1}) is not None,
        "owes_money": bool(status.wallet and await _owes(database, status.wallet)),
        "limit_exceeded": bool(status.reason and LIMIT_CODE in status.reason),
    }
    booked_at = max((moved.applied_at for moved in status.transactions), default=None)
    return await _status(database, status.wallet, flags, risk_level, absent, since=booked_at)


async def compliance_of_wallet(
    database: Database, wallets: Sequence[Document], risk_level: str | None, absent: dict[str, str]
) -> ComplianceStatus:
    """Flags of the owner's wallets and of its disputed payments."""
    owner = wallets[0]["owner"]
    moved = (
        await database.transactions.find({"wallets": owner}, {"event_id": 1, "object": 1, "kind": 1})
        .sort("seq", -1)
        .to_list(100)
    )
    objects, running = sorted({each["object"] for each in moved}), {"$in": sorted(DISPUTE_RUNS)}
    disputed = {"_id": {"$in": objects}, "kind": "dispute", "state": running}
    conflicts = {"event_id": {"$in": sorted({each["event_id"] for each in moved})}}
    flags = {
        "disputed": await database.objects.find_one(disputed, {"_id": 1}) is not None,
        "in_suspense": owner.startswith("suspense:"),
        "identity_conflict": await database.incidents.find_one(conflicts, {"_id": 1}) is not None,
        "owes_money": any(wallet.get("receivable_minor", 0) for wallet in wallets),
    }
    changed_at = max(wallet["updated_at"] for wallet in wallets)
    return await _status(database, owner, flags, risk_level, absent, since=changed_at)


async def compliance_of_period(
    database: Database, period: Period, risk_level: str | None, absent: dict[str, str]
) -> ComplianceStatus:
    """Flags of anything in it. Whose KYC, it cannot say."""
    absent["compliance_status.kyc_verified"] = "a level is given to an owner, not to a period"
    moved = await booked(database, within(period))
    disputes = {**moved, "kind": {"$in": ["dispute_opened", "dispute_withdrawn"]}}
    suspense = {**moved, "wallets": {"$regex": "^suspense:"}}
    conflicts = {"at": within(period), "kind": "conflict"}
    flags = {
        "disputed": await database.transactions.find_one(disputes, {"_id": 1}) is not None,
        "in_suspense": await database.transactions.find_one(suspense, {"_id": 1}) is not None,
        "identity_conflict": await database.incidents.find_one(conflicts, {"_id": 1}) is not None,
    }
    last = await database.transactions.find_one(moved, {"at": 1}, sort=[("seq", -1)])
    return await _status(database, None, flags, risk_level, absent, since=last["at"] if last else None)


async def _owes(database: Database, owner: str) -> bool:
    owing = {"owner": owner, "receivable_minor": {"$gt": 0}}
    return await database.wallets.find_one(owing, {"_id": 1}) is not None


async def _status(
    database: Database,
    owner: str | None,
    flags: dict[str, bool],
    risk_level: str | None,
    absent: dict[str, str],
    *,
    since: datetime | None,
) -> ComplianceStatus:
    level = await level_given(database, owner) if owner else None
    if level is None:
        absent.setdefault("compliance_status.kyc_verified", "no person has given this owner a KYC level")
    if risk_level is None:
        absent["compliance_status.risk_level"] = "no assessed event"
    trail, audited_at = await _audit_trail(database, since, absent)
    return ComplianceStatus(
        kyc_verified=True if level is not None else None,
        kyc_level=level,
        risk_level=risk_level,
        regulatory_flags=[flag for flag, raised in flags.items() if raised],
        flags_looked_for=list(flags),
        audit_trail=trail,
        audited_at=audited_at,
    )


async def _audit_trail(
    database: Database, since: datetime | None, absent: dict[str, str]
) -> tuple[Literal["complete", "broken"] | None, datetime | None]:
    """The last scheduled audit's word, if it came after what is asked about."""
    last = await database.audits.find_one({}, {"ok": 1, "at": 1}, sort=[("at", -1)])
    if last is None:
        absent["compliance_status.audit_trail"] = "no audit has run yet"
        return None, None
    if not last["ok"]:
        return "broken", last["at"]
    if since is not None and last["at"] < since:
        absent["compliance_status.audit_trail"] = (
            f"the last audit, at {last['at']:%Y-%m-%d %H:%M} UTC, came before this"
        )
        return None, last["at"]
    return "complete", last["at"]
