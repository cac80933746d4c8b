"""Keys, the ring that checks them, the limits, and the door that joins them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import unreachable_store
from starlette.datastructures import Headers

from gateway.access import counters, keyring
from gateway.access.counters import BoundedMemory
from gateway.access.door import Door, bearer_key, challenge, presented_key
from gateway.access.keyring import KeyRing
from gateway.access.keys import SCOPES, Database, create_key, disable_key, key_id_of, list_keys
from gateway.access.limits import GROUPS, Limits, address_key, parse_rate
from gateway.errors import (
    BadRequest,
    CannotStart,
    Limited,
    NotFound,
    ScopeMissing,
    StoreUnavailable,
    Unauthorized,
)
from gateway.mongo import connect
from gateway.settings import Settings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

InStore = Callable[[Callable[[Database], Awaitable[Any]]], Any]


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def in_store(mongo_uri: str, database_name: str) -> InStore:
    def run(work: Callable[[Database], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with connect(mongo_uri, settings(mongo_timeout_ms=20_000)) as client:
                return await work(client[database_name])

        return asyncio.run(main())

    return run


def settings(**fields: Any) -> Settings:
    return Settings(_env_file=None, **fields)


async def new_key(database: Database, *scopes: str) -> str:
    return await create_key(database, name="agent", scopes=scopes or ("payments:read",), now=NOW)


# Keys


def test_a_key_opens_what_its_scopes_say(in_store: InStore) -> None:
    """And tells who holds it."""

    async def work(database: Database) -> Any:
        text = await new_key(database, "wallets:read", "payments:read")
        return await KeyRing(lambda: database).verify(text)

    principal = in_store(work)
    assert (principal.name, principal.scopes) == ("agent", {"payments:read", "wallets:read"})


def test_the_store_keeps_nothing_that_opens(in_store: InStore) -> None:
    """The secret is in no field, and what is listed has no hash."""

    async def work(database: Database) -> Any:
        text = await new_key(database)
        return text, await database.api_keys.find_one(), await list_keys(database)

    text, stored, (listed,) = in_store(work)
    secret = text.rpartition("_")[2]
    assert secret not in str(stored)
    assert stored["hash"] not in str(listed)
    assert listed.key_id == key_id_of(text)


@pytest.mark.parametrize("scopes", [(), ("payments:write",), ("payments:read", "*"), ("PAYMENTS:READ",)])
def test_an_unknown_scope_is_refused_with_the_known_ones(in_store: InStore, scopes: tuple[str, ...]) -> None:
    """A key that was meant for something else is not made."""
    with pytest.raises(BadRequest, match="The scopes are: payments:read"):
        in_store(lambda database: create_key(database, name="agent", scopes=scopes, now=NOW))


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb"])
def test_a_name_is_short_and_printable(in_store: InStore, name: str) -> None:
    """It is printed in lists and logs."""
    with pytest.raises(BadRequest, match="name"):
        in_store(lambda database: create_key(database, name=name, scopes=SCOPES, now=NOW))


def test_disabling_an_unknown_key_says_so_and_twice_is_once(in_store: InStore) -> None:
    """The first time is what is kept."""

    async def work(database: Database) -> Any:
        key_id = key_id_of(await new_key(database)) or ""
        await disable_key(database, key_id, now=NOW)
        await disable_key(database, key_id, now=NOW.replace(year=2027))
        (listed,) = await list_keys(database)
        assert listed.disabled_at == NOW
        await disable_key(database, "0" * 16, now=NOW)

    with pytest.raises(NotFound, match="gateway keys list"):
        in_store(work)


# The ring


def test_a_wrong_secret_for_a_known_key_opens_nothing(in_store: InStore) -> None:
    """Neither first nor after the right one was remembered."""

    async def work(database: Database) -> None:
        text = await new_key(database)
        wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
        ring = KeyRing(lambda: database)
        assert await ring.verify(wrong) is None
        assert await ring.verify(text) is not None
        assert await ring.verify(wrong) is None

    in_store(work)


def test_a_disabled_key_stops_opening_within_seconds(in_store: InStore) -> None:
    """The ring remembers for three seconds, no longer."""

    async def work(database: Database) -> None:
        text, clock = await new_key(database), Hands()
        ring = KeyRing(lambda: database, clock=clock)
        assert await ring.verify(text) is not None
        await disable_key(database, key_id_of(text) or "", now=NOW)
        assert await ring.verify(text) is not None
        clock.now += keyring.KEPT_S
        assert await ring.verify(text) is None

    in_store(work)


def test_the_ring_remembers_a_bounded_number_of_keys(in_store: InStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one remembered longest ago goes."""
    monkeypatch.setattr(keyring, "KEPT_MAX", 2)

    async def work(database: Database) -> None:
        ring = KeyRing(lambda: database)
        for _ in range(4):
            assert await ring.verify(await new_key(database)) is not None
        assert len(ring._kept) == 2

    in_store(work)


@given(st.text(max_size=120))
def test_any_text_is_a_key_or_is_not(text: str) -> None:
    """Without asking the store: there is none here."""

    def no_store() -> Database:
        raise AssertionError("asked")

    assert asyncio.run(KeyRing(no_store).verify(text)) is None


def test_a_silent_store_is_unavailable_not_a_refusal() -> None:
    """503, so that the caller comes back, not 401, after which it throws its key away."""

    async def work() -> None:
        async with unreachable_store() as database:
            await KeyRing(lambda: database).verify(f"apg_{'0' * 16}_{'A' * 43}")

    with pytest.raises(StoreUnavailable):
        asyncio.run(work())


# Limits


def test_the_stated_number_passes_and_the_next_is_limited() -> None:
    """With the seconds until the window ends."""
    limits = Limits(settings(rate_limit_api="2/minute"))
    limits.hit("api", "key-1")
    limits.hit("api", "key-1")
    with pytest.raises(Limited) as limited:
        limits.hit("api", "key-1")
    assert 1 <= (limited.value.retry_after_s or 0) <= 60


def test_keys_and_groups_are_counted_apart() -> None:
    """One caller's excess is not another's."""
    limits = Limits(settings(rate_limit_api="1/minute", rate_limit_monitoring="1/minute"))
    limits.hit("api", "key-1")
    limits.hit("api", "key-2")
    limits.hit("monitoring", "key-1")


def test_several_limits_of_a_group_all_hold() -> None:
    """A burst and a long-term number."""
    limits = Limits(settings(rate_limit_api="100/second; 3/hour"))
    for _ in range(3):
        limits.hit("api", "key-1")
    with pytest.raises(Limited):
        limits.hit("api", "key-1")


@pytest.mark.parametrize("text", ["", "many", "10", "10/fortnight", "-1/minute", "0/minute"])
def test_a_limit_that_cannot_be_read_stops_the_start(text: str) -> None:
    """One sentence, which names the setting."""
    with pytest.raises(CannotStart, match="RATE_LIMIT_API"):
        Limits(settings(rate_limit_api=text))


@pytest.mark.parametrize("url", ["nonsense", "nosuchstore://x", "memcached://x", "async+redis://x"])
def test_a_counter_store_that_cannot_be_opened_stops_the_start(url: str) -> None:
    """Its address may hold a password, so only its kind is named."""
    with pytest.raises(CannotStart, match="RATE_LIMIT_STORAGE_URL"):
        Limits(settings(rate_limit_storage_url=url))


def test_a_rate_of_ones_own_takes_the_place_of_the_groups() -> None:
    """Tighter or wider, and only for that one; what cannot be read changes nothing."""
    limits = Limits(settings(rate_limit_webhooks="2/minute"))
    limits.hit("webhooks", "tight", rate="1/hour")
    with pytest.raises(Limited) as limited:
        limits.hit("webhooks", "tight", rate="1/hour")
    assert (limited.value.retry_after_s or 0) > 60
    for _ in range(5):
        limits.hit("webhooks", "wide", rate="5/minute")
    for _ in range(2):
        limits.hit("webhooks", "other", rate="whenever")
    with pytest.raises(Limited):
        limits.hit("webhooks", "other", rate="whenever")


def test_strangers_have_the_tightest_limit() -> None:
    """Of what is set by default: nobody who proved who they are is allowed less than one who did not."""
    limits = {group: parse_rate(getattr(settings(), f"rate_limit_{group}"))[0] for group in GROUPS}
    a_second = {group: limit.amount / limit.get_expiry() for group, limit in limits.items()}
    assert min(a_second, key=a_second.__getitem__) == "refused"


def test_counters_are_bounded_and_windows_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses an attacker has."""
    monkeypatch.setattr(counters, "COUNTERS_MAX", 10)
    memory, clock = BoundedMemory(), Hands()
    memory._clock = clock
    for address in range(100):
        assert memory.incr(str(address), expiry=60) == 1
    assert len(memory._counters) == 10
    assert memory.incr("99", expiry=60) == 2
    clock.now += 60
    assert memory.get("99") == 0
    assert memory.incr("99", expiry=60) == 1


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_an_address_is_counted_as_the_network_it_can_change_within(address: str, counted: str) -> None:
    """An IPv6 caller owns a /64."""
    assert address_key(address) == counted


# The door


def test_a_key_is_read_from_either_header() -> None:
    """X-API-Key first; the bearer word in any case."""
    assert presented_key(Headers({"x-api-key": "k1", "authorization": "Bearer k2"})) == "k1"
    assert presented_key(Headers({"authorization": "bEARER  k2 "})) == "k2"
    assert bearer_key(Headers({"authorization": "Basic k2"})) is None
    assert presented_key(Headers({})) is None


def test_the_door_tells_a_bad_key_from_a_missing_scope(in_store: InStore) -> None:
    """401 and 403 call for different things from the caller."""

    async def work(database: Database) -> None:
        door = Door(KeyRing(lambda: database), Limits(settings()))
        key = await new_key(database, "payments:read")
        ask: dict[str, Any] = {"address": "192.0.2.1", "group": "api"}
        assert (await door.admit(key, scope="payments:read", **ask)).name == "agent"
        with pytest.raises(ScopeMissing, match="wallets:read"):
            await door.admit(key, scope="wallets:read", **ask)
        for bad in (None, "", "nonsense", key[:-1] + "~"):
            with pytest.raises(Unauthorized):
                await door.admit(bad, scope="payments:read", **ask)

    in_store(work)


def test_strangers_are_counted_by_address_and_do_not_lock_out_a_key(in_store: InStore) -> None:
    """Behind a proxy both have the same address."""

    async def work(database: Database) -> None:
        door = Door(
            KeyRing(lambda: database), Limits(settings(rate_limit_refused="2/minute", rate_limit_api="1/minute"))
        )
        key = await new_key(database)
        for refusal in (Unauthorized, Unauthorized, Limited):
            with pytest.raises(refusal):
                await door.identify("guess", address="192.0.2.1", group="api")
        await door.identify(key, address="192.0.2.1", group="api")
        with pytest.raises(Limited):
            await door.identify(key, address="192.0.2.99", group="api")

    in_store(work)


def test_a_challenge_names_the_error_the_scope_and_where_to_read_more() -> None:
    """RFC 6750 and RFC 9728; other errors get none."""
    told = challenge(ScopeMissing("…"), scope="wallets:read", resource_metadata="https://x/.well-known/y")
    assert told["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="wallets:read", resource_metadata="https://x/.well-known/y"'
    )
    assert challenge(Limited(3), scope="wallets:read") == {}
