"""The scorer over arbitrary movements: total, bounded, deterministic, and never alarmed by repetition."""

import random

from bson import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.assessment import assess
from gateway.analysis.counterparty import Counterparty
from gateway.analysis.default_model import default_model
from gateway.analysis.features import OCCURRED_AT_MAX, Features, Movement, features
from gateway.analysis.judgement import judge
from gateway.analysis.model import HISTORY_MIN, reasons
from gateway.analysis.profile import Profile
from gateway.money import AMOUNT_MINOR_MAX

DOCUMENT_BYTES_MAX = 4_096

names = st.one_of(st.none(), st.text(max_size=40), st.integers(0, 200).map(str))
times = st.one_of(
    st.floats(0, OCCURRED_AT_MAX, allow_nan=False),
    st.floats(1.79e9, 1.79e9 + 40 * 86_400, allow_nan=False),
)
amounts = st.one_of(st.integers(1, AMOUNT_MINOR_MAX), st.integers(1, 10_000))


def movements(**fixed: object) -> st.SearchStrategy[Movement]:
    fields: dict[str, st.SearchStrategy[object]] = {
        "event_id": st.just("evt_1"),
        "source": st.just("stripe"),
        "kind": st.just("capture"),
        "wallet": st.just("alice"),
        "counterparty": names,
        "currency": st.sampled_from(["USD", "JPY", "KWD"]),
        "amount_minor": amounts,
        "direction": st.sampled_from(["in", "out"]),
        "occurred_at": times,
    }
    return st.builds(Movement, **{**fields, **{name: st.just(value) for name, value in fixed.items()}})


def grown(past: list[Movement]) -> Profile:
    profile = Profile("USD:alice")
    for each in past:
        learn(profile, each)
    return profile


def learn(profile: Profile, each: Movement) -> None:
    profile.absorb(
        amount_minor=each.amount_minor,
        direction=each.direction,
        counterparty=each.counterparty,
        occurred_at=each.occurred_at,
    )


def amount_points(seen: Features) -> int:
    return sum(reason.points for reason in reasons(seen) if reason.code == "amount")


@given(st.lists(movements(), max_size=60), movements())
def test_every_movement_has_a_bounded_score(past: list[Movement], present: Movement) -> None:
    """Whatever came before, in whatever order: 0 to 100, the capped sum of the reasons' points."""
    seen = features(present, grown(past))
    assessment = assess(seen)
    assert assessment.score == min(100, sum(reason.points for reason in assessment.reasons))
    assert 0 <= assessment.score <= 100
    assert 0 <= assessment.confidence < 1
    assert seen.gap_days is None or seen.gap_days >= 0


@given(st.lists(movements(), max_size=40), movements())
def test_the_same_past_gives_the_same_assessment(past: list[Movement], present: Movement) -> None:
    """Also when the profile was stored in between."""
    through_store = Profile.from_document(grown(past).to_document())
    assert assess(features(present, grown(past))) == assess(features(present, through_store))


PERSONAL = (
    "alice@example.com",
    "+44 20 7946 0958",
    "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32",
    "alice@okbank",
)


@given(
    st.lists(movements(counterparty=PERSONAL[0]), max_size=20),
    st.sampled_from(PERSONAL),
    st.sampled_from(PERSONAL),
    st.data(),
)
def test_no_reason_quotes_a_name(past: list[Movement], wallet: str, counterparty: str, data: st.DataObject) -> None:
    """Insights are read by people and agents: what the rules write is numbers, whoever the wallet and the counterparty are."""
    present = data.draw(movements(wallet=wallet, counterparty=counterparty))
    said = " ".join(f"{each.value} {each.usual} {each.text}" for each in reasons(features(present, grown(past))))
    assert not any(name in said for name in PERSONAL)


@given(st.lists(movements(), max_size=60), movements())
def test_reasons_fall_in_points_and_none_comes_twice(past: list[Movement], present: Movement) -> None:
    """The order of the reasons is the order of their weight."""
    found = reasons(features(present, grown(past)))
    points = [reason.points for reason in found]
    assert points == sorted(points, reverse=True)
    assert len({reason.code for reason in found}) == len(found)


@settings(max_examples=8)
@given(st.integers(0, 2**32), st.booleans())
def test_a_profile_stays_small(seed: int, ordered: bool) -> None:
    """Three thousand movements of the largest amounts, in or out of order, fit a document of four kilobytes."""
    source, profile = random.Random(seed), Profile("USD:alice")
    moments = [source.uniform(1.7e9, 1.8e9) for _ in range(3_000)]
    for at in sorted(moments) if ordered else moments:
        profile.absorb(
            amount_minor=AMOUNT_MINOR_MAX,
            direction=source.choice(["in", "out"]),
            counterparty=str(source.random()),
            occurred_at=at,
        )
    assert len(encode(profile.to_document())) < DOCUMENT_BYTES_MAX


@given(st.lists(movements(direction="in"), min_size=8, max_size=40), amounts, st.integers(1, 30))
def test_more_of_the_same_is_never_more_unusual(past: list[Movement], amount_minor: int, times_again: int) -> None:
    """Repeating an amount does not raise the points for its amount."""
    profile = grown(past)
    again = Movement("evt_2", "stripe", "capture", "alice", None, "USD", amount_minor, "in", 1.79e9)
    points = []
    for _ in range(times_again):
        points.append(amount_points(features(again, profile)))
        learn(profile, again)
    assert points == sorted(points, reverse=True)


@settings(max_examples=50)  # the first one reads the model
@given(st.lists(movements(), max_size=40), movements(kind="capture"))
def test_the_models_word_is_a_probability_with_its_reasons(past: list[Movement], present: Movement) -> None:
    """Of the shipped model, whatever came before: between 0 and 1, the same after the store, its points explained."""
    profile, shop = grown(past), Counterparty("USD:1")
    for each in past:
        shop.absorb(amount_minor=each.amount_minor, occurred_at=each.occurred_at, new=True, suspicious=False)
        if each.amount_minor % 3 == 0:
            shop.charge_back(paid_at=each.occurred_at, known_at=each.occurred_at, suspicious=each.amount_minor % 2 == 0)
    stored = Profile.from_document(profile.to_document()), Counterparty.from_document(shop.to_document())
    seen = features(present, profile, shop)
    word = judge(default_model(), present, seen, profile, shop)
    assert word == judge(default_model(), present, features(present, *stored), *stored)
    assessment = assess(seen, word)
    assert assessment.score == min(100, sum(reason.points for reason in assessment.reasons))
    assert (word is None) == (assessment.probability is None) == (seen.history < HISTORY_MIN)
    assert word is None or 0 <= word.probability <= 1
