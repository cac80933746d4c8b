"""What must be true before anything is started: of the settings, and of the store."""

from typing import Final

from pymongo.errors import PyMongoError

from gateway.access.limits import Limits
from gateway.clock import system_clock, utc
from gateway.encryption import open_cipher
from gateway.errors import CannotStart, StoreUnavailable
from gateway.ingress.providers.sources import open_sources
from gateway.ingress.proxies import trusted_networks
from gateway.ledger.limits import read_limits
from gateway.mcp_tools.caps import read_caps
from gateway.mcp_tools.terms import offered
from gateway.mongo.client import connect, deployment_kind
from gateway.mongo.home import Home
from gateway.mongo.known_keys import register_keys
from gateway.settings import Settings

NO_SOURCE: Final = (
    "There is no source, so every webhook would be refused: add one with gateway sources add, or set at least one of "
    "HMAC_SECRET_KEY, STRIPE_WEBHOOK_SECRET, RAZORPAY_WEBHOOK_SECRET, STANDARD_WEBHOOKS_SECRET."
)


def check_settings(settings: Settings) -> None:
    """Everything that can be wrong before anything is started. Raises `CannotStart`, a sentence per problem."""
    open_sources(settings)
    Limits(settings)
    trusted_networks(settings.trusted_proxies)
    read_limits(settings.kyc_limits, settings.kyc_level_default)
    offered(settings)
    read_caps(settings)


def may_have_sources(settings: Settings) -> bool:
    """False when there can be none: the environment has no secret, and under `data_dir` nothing was ever stored."""
    return bool(open_sources(settings)) or has_mongo_url(settings) or Home(settings.data_dir).load() is not None


async def check_store(uri: str, settings: Settings) -> None:
    """The store must answer, have transactions, be sealed with keys of ours, and hold a source if the environment has none.

    Raises `CannotStart`.
    """
    try:
        async with connect(uri, settings) as client:
            await deployment_kind(client)
            database = client[settings.mongo_database]
            await register_keys(database, open_cipher(settings), now=utc(system_clock()))
            if not open_sources(settings) and not await database["sources"].find_one({}, {"_id": 1}):
                raise CannotStart(NO_SOURCE)
    except (StoreUnavailable, PyMongoError) as silent:
        said = (
            str(silent) if isinstance(silent, StoreUnavailable) else f"MongoDB did not answer: {type(silent).__name__}."
        )
        raise CannotStart(f"MONGO_URL: {said} Check the address, the credentials and the network.") from None


def has_mongo_url(settings: Settings) -> bool:
    return bool(settings.mongo_url and settings.mongo_url.get_secret_value())


def mongo_url(settings: Settings) -> str:
    if settings.mongo_url is None:
        raise CannotStart("MONGO_URL is not set; `gateway serve` sets it for its processes.")
    return settings.mongo_url.get_secret_value()
