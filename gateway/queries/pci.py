"""Which rules for card data hold here, as far as a program can see it from inside; and, by name, what it cannot see.

Requirement numbers are those of PCI DSS 4.0. This is evidence for an assessor, not an assessment.
"""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from gateway.encryption import Cipher
from gateway.masking import mask
from gateway.queries.reading import READ_S_MAX, Answer, Database, Document, answered_within
from gateway.settings import Settings

SAMPLED_MAX: Final = 1_000
"""Of each collection, the latest."""
AUDIT_OLD_S: Final = 2 * 86_400
NOT_CHECKED: Final = (
    "1 network controls and segmentation: outside this program",
    "2 configuration of hosts and of MongoDB's own users",
    "4 TLS of clients and proxies: it ends in front of the gateway",
    "5 protection against malware",
    "6.3 patches of the operating system and of MongoDB",
    "8 people's accounts and their second factors",
    "9 physical access",
    "11 penetration tests and scans",
    "12 policies, training, incident response",
)
_TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "events": ("tx_id", "type", "account", "reason"),
    "objects": ("object_id", "wallet", "parent"),
    "insights": ("wallet", "counterparty"),
    "acts": ("subject", "by"),
    "alerts": ("subject", "summary"),
    "recorded_errors": ("message", "component"),
}


class PciCheck(Answer):
    """`holds` is null where it cannot be known from here; `looked_at` is how many records were held against it."""

    requirement: str
    what: str
    holds: bool | None
    looked_at: int
    found: str


class PciValidation(Answer):
    """`failed` counts the checks that do not hold; what is not checked is listed, and is not thereby in order."""

    at: datetime
    failed: int
    unknown: int
    checks: list[PciCheck]
    not_checked: list[str]


async def pci_validation(
    database: Database, settings: Settings, cipher: Cipher, *, now: datetime, within_s: float = READ_S_MAX
) -> PciValidation:
    """Reads samples; changes nothing."""
    with answered_within(within_s):
        checks = [
            await _no_card_numbers(database),
            await _bodies_sealed(database, cipher),
            await _secrets_sealed(database),
            await _keys_hashed(database),
            await _audited(database, now),
            await _acts_kept(database),
        ]
    checks += [_retention(settings), _tls_of_clients(settings), _tls_of_store(settings)]
    return PciValidation(
        at=now,
        failed=sum(check.holds is False for check in checks),
        unknown=sum(check.holds is None for check in checks),
        checks=checks,
        not_checked=list(NOT_CHECKED),
    )


async def _latest(database: Database, collection: str, fields: tuple[str, ...]) -> list[Document]:
    found = database[collection].find({}, dict.fromkeys(fields, 1)).sort("$natural", -1).limit(SAMPLED_MAX)
    return await found.to_list()


async def _no_card_numbers(database: Database) -> PciCheck:
    looked_at, where = 0, []
    for collection, fields in _TEXTS.items():
        for document in await _latest(database, collection, fields):
            looked_at += 1
            if any("[card]" in mask(str(document.get(field, ""))) for field in ("_id", *fields)):
                where.append(collection)
    found = f"digits like a card's in: {', '.join(sorted(set(where)))}" if where else "none in the latest records"
    return _of_sample("3.4", "no card number in texts that are not sealed", not where, looked_at, found)


async def _bodies_sealed(database: Database, cipher: Cipher) -> PciCheck:
    events = await _latest(database, "events", ("body_key",))
    held = database.events.find(
        {"_id": {"$in": [event["_id"] for event in events]}, "body": {"$exists": True}}, {"_id": 1}
    )
    with_body = {event["_id"] async for event in held}
    keys = [event.get("body_key") for event in events if event["_id"] in with_body]
    plain, lost = keys.count(None), sum(key is not None and key not in cipher.key_ids for key in keys)
    older = sum(key in cipher.key_ids[1:] for key in keys)
    found = f"{plain} plain, {lost} under a key that is missing, {older} under an older key"
    return _of_sample(
        "3.5", "raw bodies are sealed (AES-256-GCM) under keys we hold", not plain and not lost, len(keys), found
    )


async def _secrets_sealed(database: Database) -> PciCheck:
    sources = await database.sources.find({}, {"secrets": 1}).limit(SAMPLED_MAX).to_list()
    secrets = [secret for source in sources for secret in source.get("secrets", [])]
    plain = sum("key" in secret or "text" in secret for secret in secrets)
    return _of_sample("3.6", "stored secrets of sources are sealed", not plain, len(secrets), f"{plain} plain")


async def _keys_hashed(database: Database) -> PciCheck:
    keys = await database.api_keys.find({}).limit(SAMPLED_MAX).to_list()
    wrong = sum(len(str(key.get("hash", ""))) != 64 or "text" in key or "secret" in key for key in keys)
    return _of_sample("8.3.2", "API keys are stored as hashes only", not wrong, len(keys), f"{wrong} otherwise")


async def _audited(database: Database, now: datetime) -> PciCheck:
    latest = await database.audits.find_one({}, {"at": 1, "ok": 1}, sort=[("at", -1)])
    what = "the ledger's audit ran lately and found nothing broken"
    if latest is None:
        return _check("10.3", what, None, 0, "no audit has run yet")
    fresh = now - latest["at"] < timedelta(seconds=AUDIT_OLD_S)
    found = f"latest at {latest['at'].isoformat()}: {'everything holds' if latest['ok'] else 'something is broken'}"
    return _check("10.3", what, fresh and latest["ok"], 1, found)


async def _acts_kept(database: Database) -> PciCheck:
    count = await database.acts.estimated_document_count()
    return _check(
        "10.2", "acts of people, programs and agents are kept", True if count else None, count, f"{count} acts"
    )


def _retention(settings: Settings) -> PciCheck:
    days = settings.retain_bodies_days
    found = (
        f"raw bodies are removed after {days} days" if days else "raw bodies are kept for ever (RETAIN_BODIES_DAYS=0)"
    )
    return _check("3.2", "what was sent is not kept longer than needed", days > 0, 0, found)


def _tls_of_clients(settings: Settings) -> PciCheck:
    scheme = urlsplit(settings.public_url).scheme
    found = f"PUBLIC_URL is {scheme or 'not set'}; the gateway speaks plain HTTP and TLS ends in front of it"
    return _check("4.2", "clients reach the gateway over TLS", False if scheme == "http" else None, 0, found)


def _tls_of_store(settings: Settings) -> PciCheck:
    what = "MongoDB is reached over TLS, or only on this machine"
    if settings.mongo_url is None:
        return _check("4.2", what, True, 0, "a private mongod on the loopback")
    url = urlsplit(settings.mongo_url.get_secret_value())
    encrypted = url.scheme == "mongodb+srv" or "tls=true" in url.query.lower() or "ssl=true" in url.query.lower()
    local = all(host.split(":")[0] in ("127.0.0.1", "localhost") for host in url.netloc.rpartition("@")[2].split(","))
    return _check("4.2", what, encrypted or local, 0, "TLS" if encrypted else "loopback" if local else "plain text")


def _of_sample(requirement: str, what: str, holds: bool, looked_at: int, found: str) -> PciCheck:
    """Of nothing, nothing is known."""
    known = looked_at > 0
    return _check(
        requirement, what, holds if known else None, looked_at, found if known else "nothing is stored to look at"
    )


def _check(requirement: str, what: str, holds: bool | None, looked_at: int, found: str) -> PciCheck:
    return PciCheck(requirement=requirement, what=what, holds=holds, looked_at=looked_at, found=found)
