"""The simulated day: reproducible, shaped like the providers' own, and right about the money it should move."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.sources import SOURCES
from simulators.traffic import Item, day_end_before, expected_balances, plan_deliveries, simulate_day
from simulators.traffic.fixtures import FIXTURES, filled
from simulators.traffic.item import EXPONENTS, Effect, Posting

DAY_END = day_end_before(1_795_000_000)


def _day(count: int = 400, seed: int = 7, sources: tuple[str, ...] = tuple(SOURCES)) -> list[Item]:
    return simulate_day(count, seed=seed, sources=sources, day_end=DAY_END)


def _body(item: Item) -> dict[str, Any]:
    fields = json.loads(item.body)
    assert isinstance(fields, dict)
    return fields


@pytest.mark.parametrize("path", sorted(FIXTURES.rglob("*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_fixture_is_an_object(path: Any) -> None:
    """Every fixture file loads."""
    assert isinstance(json.loads(path.read_text("utf-8")), dict)


def test_a_field_the_provider_does_not_have_is_a_mistake() -> None:
    """The fixtures decide which fields exist; a builder cannot invent one."""
    with pytest.raises(LookupError, match="amount_taken"):
        filled("stripe/charge", amount_taken=1)


def test_one_seed_gives_the_same_bytes() -> None:
    """Two generations with one seed and one end of day are equal; another seed or day shares no id."""
    ids = {item.event_id for item in _day()}
    tomorrow = simulate_day(400, seed=7, day_end=DAY_END + 86_400)
    assert _day() == _day()
    assert not ids & {item.event_id for item in _day(seed=8)}
    assert not ids & {item.event_id for item in tomorrow}


@settings(max_examples=25)
@given(
    count=st.integers(1, 300), seed=st.integers(0, 2**32), sources=st.sets(st.sampled_from(list(SOURCES)), min_size=1)
)
def test_the_day_has_the_events_asked_for(count: int, seed: int, sources: set[str]) -> None:
    """Exactly `count` distinct events, only from the sources allowed, in order, inside the day that ended."""
    day = simulate_day(count, seed=seed, sources=sources, day_end=DAY_END)
    assert len({(item.source, item.event_id) for item in day}) == len(day) == count
    assert {item.source for item in day} <= sources
    moments = [item.occurred_at for item in day]
    assert moments == sorted(moments)
    assert DAY_END - 86_400 <= moments[0] <= moments[-1] <= DAY_END


def test_the_day_ends_at_the_last_four_o_clock() -> None:
    """The simulated day is over when it is generated, so nothing in it lies in the future."""
    assert day_end_before(4 * 3_600) == 4 * 3_600
    assert day_end_before(4 * 3_600 - 1) == 4 * 3_600 - 86_400


def test_a_day_holds_what_should_be_noticed() -> None:
    """A burst, an amount far above the wallet's own, and strangers at night, each after a history of its wallet."""
    day = _day()
    assert set(Counter(item.note for item in day)) == {None, "burst", "spike", "night"}
    for note in ("burst", "spike", "night"):
        first = next(place for place, item in enumerate(day) if item.note == note and item.effect)
        effect = day[first].effect
        assert effect is not None
        owner = effect.postings[0].owner
        before = [item for item in day[:first] if item.effect and item.effect.postings[0].owner == owner]
        assert len(before) >= 5, note


def test_stripe_events_have_the_shape_of_stripe() -> None:
    """The envelope, the lower-case currency, and the object that the type promises."""
    for item in _day(sources=("stripe",)):
        event = _body(item)
        about = event["data"]["object"]
        assert (event["object"], event["type"], event["id"]) == ("event", item.kind, item.event_id)
        assert about["object"] == item.kind.split(".")[0]
        assert about["currency"].upper() in EXPONENTS
        assert event["created"] == item.occurred_at


def test_stripe_tells_cumulative_refunds_on_the_charge() -> None:
    """`amount_refunded` counts up to at most what was captured, and `refunded` says when all of it went back."""
    charges = [_body(item)["data"]["object"] for item in _day(2_000) if item.kind == "charge.refunded"]
    assert any(charge["amount_refunded"] < charge["amount_captured"] for charge in charges)
    for charge in charges:
        assert 0 < charge["amount_refunded"] <= charge["amount_captured"]
        assert charge["refunded"] == (charge["amount_refunded"] == charge["amount_captured"])


def test_razorpay_events_have_the_shape_of_razorpay() -> None:
    """The envelope, and an entity for everything that `contains` names."""
    for item in _day(sources=("razorpay",)):
        event = _body(item)
        assert (event["entity"], event["event"]) == ("event", item.kind)
        assert sorted(event["contains"]) == sorted(event["payload"])
        assert all(entity["entity"]["entity"] == name for name, entity in event["payload"].items())
        assert item.reference in {entity["entity"]["id"] for entity in event["payload"].values()}


def test_one_capture_is_told_by_two_events() -> None:
    """Both providers report a capture twice under different event ids: an effect key is needed to book it once."""
    told = Counter(item.effect.key for item in _day() if item.effect and ":capture:" in item.effect.key)
    assert {key.split(":")[0] for key, count in told.items() if count == 2} == {"stripe", "razorpay"}


def test_amounts_fit_their_currency() -> None:
    """Decimal amounts have no more places than the currency; three-decimal amounts end in zero, as the providers ask."""
    day = _day(2_000)
    for item in day:
        if item.source == "payments":
            fields = _body(item)
            exponent = Decimal(str(fields["amount"])).normalize().as_tuple().exponent
            assert isinstance(exponent, int)
            assert -exponent <= EXPONENTS[fields["currency"]]
    postings = [posting for item in day if item.effect for posting in item.effect.postings]
    assert {posting.currency for posting in postings} == set(EXPONENTS)
    assert all(posting.amount_minor % 10 == 0 for posting in postings if posting.currency == "KWD")


def test_an_effect_counts_once_however_often_it_is_told() -> None:
    """Duplicated and shuffled events give the same balances."""
    day = _day()
    told = [send.item for send in plan_deliveries(day, seed=1, duplicates=0.5, reorder=0.5)]
    assert len(told) > len(day)
    assert expected_balances(told) == expected_balances(day)


def test_a_refund_without_its_capture_moves_nothing() -> None:
    """A parked refund has no effect yet."""
    refund = Effect("s:refund:r", (Posting("alice", "USD", -5),), needs="s:capture:p")
    item = Item("stripe", "refund.created", "e", "e", b"{}", 0, refund)
    assert expected_balances([item]) == {}


def test_transfers_neither_make_nor_lose_money() -> None:
    """Native payments only move it: the balances of a day of transfers add up to zero in each currency."""
    totals: Counter[str] = Counter()
    for (_, currency), net_minor in expected_balances(_day(sources=("payments",))).items():
        totals[currency] += net_minor
    assert set(totals.values()) == {0}


def test_some_money_names_no_wallet() -> None:
    """A payment without a reference is expected in the source's suspense wallet."""
    owners = {owner for owner, _ in expected_balances(_day(3_000))}
    assert {"suspense:stripe", "suspense:razorpay"} <= owners


def test_a_plan_without_options_is_the_day_itself() -> None:
    """No duplicates, nothing moved."""
    day = _day()
    assert [send.item for send in plan_deliveries(day, seed=1)] == day


def test_a_plan_sends_everything_and_some_of_it_twice() -> None:
    """Each event goes out first as copy 0; the copies are near the rate asked for and come after their original."""
    day = _day(1_000)
    plan = plan_deliveries(day, seed=1, duplicates=0.1, reorder=0.3)
    assert {send.item.event_id for send in plan if send.copy == 0} == {item.event_id for item in day}
    assert 60 <= len(plan) - len(day) <= 140
    seen: set[str] = set()
    for send in plan:
        assert (send.item.event_id in seen) == (send.copy == 1)
        seen.add(send.item.event_id)


def test_a_plan_can_send_a_refund_before_its_capture() -> None:
    """Reordering includes the order that most handlers drop."""
    plan = plan_deliveries(_day(1_000), seed=1, reorder=0.5)
    captured: set[str] = set()
    early = 0
    for send in plan:
        effect = send.item.effect
        early += bool(effect and effect.needs and effect.needs not in captured)
        if effect:
            captured.add(effect.key)
    assert early > 0
