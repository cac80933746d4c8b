"""The state machines against the tables of the payments literature, and against the audit's own copy of them."""

from itertools import product

import pytest

from gateway.audit import tables
from gateway.ledger.posting_rules import (
    EDGES,
    EFFECTS,
    NEW,
    PARENT_STATES,
    POSITIONS,
    Position,
    Verdict,
    captured_state,
    next_state,
    position,
)

D, S, C = Verdict.DUPLICATE, Verdict.STALE, Verdict.CONFLICT


def changes(kind: str) -> dict[tuple[str, str], str]:
    """Every change of state that the writer's table allows, with the name of its effect."""
    found = {}
    for state, row in EDGES[kind].items():
        for to_state in row.values():
            if not isinstance(to_state, Verdict):
                before, after = position(kind, state), position(kind, to_state)
                found[state, to_state] = "state" if before == after else EFFECTS[kind, before, after]
    return found


@pytest.mark.parametrize("kind", ["payment", "refund", "dispute", "payout", "transfer", "invoice"])
def test_the_writer_and_the_audit_know_the_same_edges(kind: str) -> None:
    """They were written apart, as cells and as edges; what one allows the other expects, with the same effect."""
    assert changes(kind) == dict(tables.edges(kind))


def test_the_writer_and_the_audit_know_the_same_subscriptions() -> None:
    """Their table is a rule in both."""
    states = [*EDGES["subscription"], "NONSENSE"]
    allowed = {pair for pair in product(states, states) if tables.effect_of("subscription", *pair)}
    assert allowed == set(changes("subscription"))


@pytest.mark.parametrize(
    ("state", "authorized", "captured", "failed", "canceled"),
    [
        (NEW, "AUTHORIZED", "CAPTURED", "FAILED", "CANCELED"),
        ("AUTHORIZED", D, "CAPTURED", "FAILED", "CANCELED"),
        ("FAILED", "AUTHORIZED", "CAPTURED", D, "CANCELED"),
        ("CAPTURED", S, D, S, C),
        ("PARTIALLY_REFUNDED", S, D, S, C),
        ("REFUNDED", S, D, S, S),
        ("CANCELED", C, C, S, D),
    ],
)
def test_a_payment_follows_its_table(state: str, authorized: str, captured: str, failed: str, canceled: str) -> None:
    """Row by row as it is written down."""
    steps = ("authorized", "captured", "failed", "canceled")
    assert [next_state("payment", state, step) for step in steps] == [authorized, captured, failed, canceled]


@pytest.mark.parametrize("kind", sorted(EDGES))
def test_every_state_that_can_be_reached_has_a_row_with_every_step(kind: str) -> None:
    """No event, in whatever state, falls into a hole."""
    steps = set(EDGES[kind][NEW])
    reached = {cell for row in EDGES[kind].values() for cell in row.values() if not isinstance(cell, Verdict)}
    assert reached <= set(EDGES[kind])
    assert all(set(row) == steps for row in EDGES[kind].values())


@pytest.mark.parametrize("kind", sorted(EDGES))
def test_repeating_a_step_takes_no_second_edge(kind: str) -> None:
    """Whatever state a step led to, the same step again leads nowhere: the source of exactly once."""
    for row in EDGES[kind].values():
        for step, cell in row.items():
            if not isinstance(cell, Verdict):
                assert isinstance(next_state(kind, cell, step), Verdict), (cell, step)


@pytest.mark.parametrize("kind", sorted(EDGES))
def test_no_object_can_go_round_in_circles_with_money(kind: str) -> None:
    """A change that moves money is never reached twice, so no effect key is needed twice."""
    money = {pair for pair, effect in changes(kind).items() if effect != "state"}
    later: dict[str, set[str]] = {state: {to for from_, to in changes(kind) if from_ == state} for state in EDGES[kind]}
    for _ in later:
        for state, reached in later.items():
            later[state] = reached | {further for each in reached for further in later[each]}
    assert [pair for pair in money if pair[0] in later[pair[1]]] == []


@pytest.mark.parametrize("kind", sorted(POSITIONS))
def test_every_edge_that_moves_money_has_a_name(kind: str) -> None:
    """An effect without a name would have no key to be booked once under."""
    for state, to_state in changes(kind):
        before, after = position(kind, state), position(kind, to_state)
        assert before == after or (kind, before, after) in EFFECTS


def test_a_hold_is_on_at_most_once() -> None:
    """No state holds more than the object's amount, none releases what it does not hold."""
    assert {place.locked for states in POSITIONS.values() for place in states.values()} == {0, 1}
    assert position("payout", "REQUESTED") == Position(0, 1)
    assert position("dispute", "OPEN") == Position(0, 1)


@pytest.mark.parametrize(
    ("refunded", "disputes", "state"),
    [
        (0, 0, "CAPTURED"),
        (1, 0, "PARTIALLY_REFUNDED"),
        (99, 0, "PARTIALLY_REFUNDED"),
        (100, 0, "REFUNDED"),
        (0, 1, "DISPUTED"),
        (100, 2, "DISPUTED"),
    ],
)
def test_a_captured_payment_is_called_by_what_happened_since(refunded: int, disputes: int, state: str) -> None:
    """And every such name is a state in which the next refund or dispute can be booked."""
    assert captured_state(amount_minor=100, refunded_minor=refunded, disputes_open=disputes) == state
    assert state in PARENT_STATES


def test_a_step_that_no_table_has_is_a_programming_error() -> None:
    """Not an event to be parked quietly."""
    with pytest.raises(KeyError):
        next_state("payment", NEW, "teleported")
