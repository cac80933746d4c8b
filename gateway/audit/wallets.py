"""The ledger in its sequence: numbers without gaps, legs that balance, wallets that are the fold of their legs."""

from dataclasses import dataclass
from datetime import datetime

from gateway.audit.findings import Broken, Findings
from gateway.audit.reading import Moment, believed
from gateway.audit.records import Leg, Transaction, Wallet, read_transaction, read_wallet


@dataclass(slots=True)
class Fold:
    """A wallet as its legs so far make it."""

    balance: int = 0
    locked: int = 0
    owed: int = 0
    version: int = 0


@dataclass(slots=True)
class Sequence:
    """Where the ledger has got to."""

    last: int = 0
    at: datetime | None = None


async def check_wallets(moment: Moment) -> Findings:
    """I3, I4, I5 and the sequence of I14. Holds one small `Fold` per wallet, never a transaction."""
    findings = Findings()
    folds: dict[str, Fold] = {}
    sequence = Sequence()
    stream = moment.stream("transactions", order=[("seq", 1)])
    async for transaction in believed(
        stream, read_transaction, collection="transactions", findings=findings, invariant="I14"
    ):
        _check_sequence(transaction, sequence, findings)
        _check_sum(transaction, findings)
        _check_legs(transaction, folds, findings)
    await _check_end(moment, sequence, findings)
    await _check_stored(moment, folds, findings)
    return findings


def _check_sequence(transaction: Transaction, sequence: Sequence, findings: Findings) -> None:
    findings.checked("I14")
    if transaction.seq != sequence.last + 1:
        why = f"it follows seq {sequence.last}: what stood between is missing"
        findings.broken("I14", _broken(transaction, why))
    if sequence.at is not None and transaction.at < sequence.at:
        findings.broken("I13", _broken(transaction, f"booked at {transaction.at}, before its predecessor"))
    sequence.last, sequence.at = transaction.seq, transaction.at


def _check_sum(transaction: Transaction, findings: Findings) -> None:
    """A transaction has one currency, so when each sums to zero, so does each currency."""
    findings.checked("I3")
    total = sum(leg.amount_minor for leg in transaction.legs)
    if total:
        findings.broken("I3", _broken(transaction, f"its legs sum to {total} {transaction.currency}, not to zero"))


def _check_legs(transaction: Transaction, folds: dict[str, Fold], findings: Findings) -> None:
    touched: dict[str, Fold] = {}
    for leg in transaction.legs:
        if leg.is_wallet:
            fold = touched[transaction.wallet_key(leg)] = folds.setdefault(transaction.wallet_key(leg), Fold())
            _check_step(transaction, leg, fold, findings)
        elif leg.account.startswith("receivable:"):
            fold = touched[transaction.wallet_key(leg)] = folds.setdefault(transaction.wallet_key(leg), Fold())
            fold.owed -= leg.amount_minor
    for key, fold in touched.items():
        findings.checked("I5")
        fault = _below_zero(fold)
        if fault:
            findings.broken("I5", _broken(transaction, f"it leaves {key} with {fault}"))


def _check_step(transaction: Transaction, leg: Leg, fold: Fold, findings: Findings) -> None:
    findings.checked("I4")
    balance, locked = fold.balance + leg.amount_minor, fold.locked + leg.locked_minor
    fault = None
    if leg.version != fold.version + 1:
        fault = f"version {leg.version} of {leg.account} follows version {fold.version}"
    elif leg.balance_after != balance:
        fault = f"{leg.account} is said to hold {leg.balance_after} afterwards, its legs make {balance}"
    elif leg.locked_after != locked:
        fault = f"{leg.account} is said to have {leg.locked_after} locked afterwards, its legs make {locked}"
    if fault:
        findings.broken("I4", _broken(transaction, fault))
    # Go on from what the leg says, so that one wrong record is reported once and not in all its successors.
    fold.balance, fold.locked, fold.version = leg.balance_after, leg.locked_after, leg.version


def _below_zero(fold: Fold) -> str | None:
    available = fold.balance - fold.locked
    if available < 0:
        return f"{available} available"
    if fold.locked < 0 or fold.owed < 0:
        return f"{fold.locked} locked and {fold.owed} owed"
    if available > 0 and fold.owed > 0:
        return f"{fold.owed} owed while {available} are available"
    return None


async def _check_end(moment: Moment, sequence: Sequence, findings: Findings) -> None:
    """The writer's own counter says how many transactions there are, so one missing at the end is missed too."""
    lease = await moment.one("leases", {"_id": "writer"})
    promised = lease.get("next_seq", 1) - 1 if lease else sequence.last
    if sequence.last != promised:
        why = f"the writer has numbered {promised} transactions, the last one stored is seq {sequence.last}"
        findings.broken("I14", Broken("leases", "writer", why))


async def _check_stored(moment: Moment, folds: dict[str, Fold], findings: Findings) -> None:
    stream = moment.stream("wallets", order=[("_id", 1)])
    async for wallet in believed(stream, read_wallet, collection="wallets", findings=findings, invariant="I4"):
        findings.checked("I4")
        fault = _difference(wallet, folds.pop(wallet.key, Fold()))
        if fault:
            findings.broken("I4", Broken("wallets", wallet.key, fault))
    for key in folds:
        findings.broken("I4", Broken("wallets", key, "is not stored, though transactions moved it"))


def _difference(wallet: Wallet, fold: Fold) -> str | None:
    pairs = (
        ("balance", wallet.balance_minor, fold.balance),
        ("locked", wallet.locked_minor, fold.locked),
        ("receivable", wallet.receivable_minor, fold.owed),
        ("version", wallet.version, fold.version),
    )
    wrong = [f"{name} is {stored}, its legs make {folded}" for name, stored, folded in pairs if stored != folded]
    if wallet.key != f"{wallet.currency}:{wallet.owner}":
        wrong.append("its owner and currency are not those of its key")
    return "; ".join(wrong) or None


def _broken(transaction: Transaction, why: str) -> Broken:
    return Broken("transactions", transaction.key, why, transaction.seq)
