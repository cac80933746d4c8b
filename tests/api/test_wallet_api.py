"""`/api/v1/payments/wallet/…` over real HTTP, on wallets that the real engine booked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from booked_store import CIPHER, NOW, Booking, razorpay, stored, story, transfer
from served import serving

from gateway.access.keys import create_key
from gateway.app import build_app
from gateway.ledger.limits import read_limits
from gateway.ledger.owners import set_level
from gateway.ledger.posting_rules import EFFECTS
from gateway.mongo import connect
from gateway.queries.allowance import wallet_allowance
from gateway.queries.reading import Database
from gateway.queries.statement import SCANNED_MAX
from gateway.queries.statement_lines import LINES, STATUSES, WITHOUT_A_LINE
from gateway.schema import prepare
from gateway.settings import Settings

BALANCE = "/api/v1/payments/wallet/balance"
TRANSACTIONS = "/api/v1/payments/wallet/transactions"
TEN_OCLOCK = datetime.fromtimestamp(NOW, UTC)
LIMITS = read_limits(Settings(_env_file=None).kyc_limits, "BASIC")
Json = dict[str, Any]


class Asking:
    """One key with the scope, on one gateway."""

    def __init__(self, client: httpx2.AsyncClient, database: Database) -> None:
        self.client = client
        self.database = database

    async def get(self, path: str, **query: Any) -> Json:
        """The answer, which is 200."""
        response = await self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def refusal(self, path: str, **query: Any) -> tuple[int, str]:
        response = await self.client.get(path, params=query)
        return response.status_code, response.json().get("detail", "")

    async def lines(self, **query: Any) -> list[Json]:
        """Every line, over all pages."""
        found = await self.get(TRANSACTIONS, limit=100, **query)
        assert not found["has_more"]
        return list(found["transactions"])


Work = Callable[[Asking], Awaitable[None]]
InWallets = Callable[..., None]


@pytest.fixture
def in_wallets(mongo_uri: str, database_name: str) -> InWallets:
    """`in_wallets(events, work)` books the events and runs `await work(asking)`; `at` is the gateway's clock."""

    async def main(events: Iterable[Json], work: Work, at: datetime) -> None:
        settings = Settings(_env_file=None, mongo_database=database_name, mongo_timeout_ms=20_000)
        async with connect(mongo_uri, settings) as client:
            database = client[database_name]
            await prepare(database, CIPHER)
            await Booking(database).book(events)
            key = await create_key(database, name="test", scopes=["wallets:read"], now=at)
            app = build_app(settings, mongo_uri, clock=at.timestamp)
            headers = {"X-API-Key": key}
            async with serving(app) as url, httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
                await work(Asking(http, database))

    def run(events: Iterable[Json], work: Work, *, at: datetime = TEN_OCLOCK) -> None:
        asyncio.run(main(events, work, at))

    return run


def native(tx_id: str, kind: str, amount: str, *, currency: str = "INR", of: str | None = None) -> Json:
    """What one of our systems asks for, or tells of a withdrawal."""
    body = {
        "tx_id": tx_id,
        "amount": amount,
        "currency": currency,
        "sender_account": "alice",
        "receiver_account": "bank:alice",
        "description": "SECRET-FREE-TEXT",
        "kind": kind,
    }
    return stored(body | ({"withdrawal": of} if of else {}), source="payments", scheme="native")


DEPOSIT = razorpay("payment.captured", "pay_1", 1_500_00)


def test_the_balance_has_the_shape_that_front_ends_know(in_wallets: InWallets) -> None:
    """Decimal strings of integers: what is there, on hold, left of today's and this month's limit."""

    async def work(asking: Asking) -> None:
        assert await asking.get(BALANCE, wallet_id="alice") == {
            "wallet_id": "INR:alice",
            "currency": "INR",
            "kyc_level": "BASIC",
            "balance": "1500.00",
            "locked_balance": "200.00",
            "available_balance": "1300.00",
            "daily_limit": "10000.00",
            "daily_used": "200.00",
            "daily_remaining": "9800.00",
            "monthly_limit": "100000.00",
            "monthly_used": "200.00",
            "monthly_remaining": "99800.00",
        }

    in_wallets([DEPOSIT, native("w-1", "withdrawal", "200.00")], work)


def test_a_window_that_is_not_todays_is_not_used(in_wallets: InWallets) -> None:
    """Compared by its key with the day in UTC; no job resets it."""
    wanted = {13: ("200.00", "200.00"), 14: ("0.00", "200.00"), 240: ("0.00", "0.00")}

    async def work(asking: Asking) -> None:
        for hours, used in wanted.items():
            now = TEN_OCLOCK + timedelta(hours=hours)
            found = await wallet_allowance(asking.database, "alice", limits=LIMITS, now=now)
            assert (found.daily_used, found.monthly_used) == used

    in_wallets([DEPOSIT, native("w-1", "withdrawal", "200.00")], work)


def test_a_level_changes_the_limits_and_a_lowered_one_leaves_nothing(in_wallets: InWallets) -> None:
    """Never less than nothing."""

    async def work(asking: Asking) -> None:
        await set_level(asking.database, "alice", "ADVANCED", limits=LIMITS, by="ops", now=TEN_OCLOCK)
        found = await asking.get(BALANCE, wallet_id="INR:alice")
        assert (found["kyc_level"], found["daily_limit"]) == ("ADVANCED", "500000.00")
        await set_level(asking.database, "alice", "BASIC", limits=LIMITS, by="ops", now=TEN_OCLOCK)
        found = await asking.get(BALANCE, wallet_id="INR:alice")
        assert (found["daily_used"], found["daily_remaining"]) == ("12000.00", "0.00")
        assert found["monthly_remaining"] == "88000.00"

    deposit = razorpay("payment.captured", "pay_1", 20_000_00)
    in_wallets([deposit, native("w-1", "withdrawal", "7000"), native("w-2", "withdrawal", "5000")], work)


def test_an_owner_with_several_currencies_says_which(in_wallets: InWallets) -> None:
    """400 names them; a currency without limits has none, and none remain."""

    async def work(asking: Asking) -> None:
        for path in (BALANCE, TRANSACTIONS):
            status, detail = await asking.refusal(path, wallet_id="alice")
            assert (status, "currency=INR, currency=JPY" in detail) == (400, True)
            assert (await asking.refusal(path, wallet_id="alice", currency="USD"))[0] == 404
            assert (await asking.get(path, wallet_id="alice", currency="JPY"))["wallet_id"] == "JPY:alice"
            assert (await asking.get(path, wallet_id="JPY:alice"))["currency"] == "JPY"
        yen = await asking.get(BALANCE, wallet_id="JPY:alice")
        assert (yen["available_balance"], yen["daily_used"], yen["monthly_used"]) == ("400", "100", "100")
        limits = ("daily_limit", "daily_remaining", "monthly_limit", "monthly_remaining")
        assert [yen[name] for name in limits] == [None] * 4

    in_wallets([DEPOSIT, _yen(500), native("w-1", "withdrawal", "100", currency="JPY")], work)


def _yen(amount: int) -> Json:
    entity = {"id": "pay_yen", "amount": amount, "currency": "JPY", "notes": {"wallet_id": "alice"}}
    return stored({"event": "payment.captured", "payload": {"payment": {"entity": entity}}, "created_at": int(NOW)})


def test_a_line_has_the_shape_that_front_ends_know(in_wallets: InWallets) -> None:
    """An id, a decimal string, a type, a status, our own words, two times."""

    async def work(asking: Asking) -> None:
        found = await asking.get(TRANSACTIONS, wallet_id="alice", type="DEPOSIT", status="COMPLETED", skip=0, limit=20)
        assert found == {
            "wallet_id": "INR:alice",
            "currency": "INR",
            "transactions": [
                {
                    "id": "razorpay:capture:pay_1",
                    "amount": "1500.00",
                    "type": "DEPOSIT",
                    "status": "COMPLETED",
                    "description": "Payment pay_1 by razorpay",
                    "created_at": "2026-11-21T10:00:00Z",
                    "completed_at": "2026-11-21T10:00:00Z",
                }
            ],
            "total": 1,
            "total_capped": False,
            "has_more": False,
            "next_cursor": None,
        }

    in_wallets([DEPOSIT, native("w-1", "withdrawal", "200.00")], work)


def test_each_movement_has_one_line_with_its_present_state(in_wallets: InWallets) -> None:
    """A withdrawal is one line from its hold to its end; what comes back is another."""

    async def work(asking: Asking) -> None:
        lines = await asking.lines(wallet_id="alice")
        assert [(line["id"], line["type"], line["status"], line["completed_at"] is None) for line in lines] == [
            ("payments:transfer:tx-2", "TRANSFER_IN", "COMPLETED", False),
            ("payments:transfer:tx-1", "TRANSFER_OUT", "COMPLETED", False),
            ("payments:payout_requested:w-4", "WITHDRAWAL", "PENDING", True),
            ("payments:payout_return:w-3", "WITHDRAWAL_RETURN", "COMPLETED", False),
            ("payments:payout_requested:w-3", "WITHDRAWAL", "REVERSED", False),
            ("payments:payout_requested:w-2", "WITHDRAWAL", "FAILED", True),
            ("payments:payout_requested:w-1", "WITHDRAWAL", "COMPLETED", False),
            ("razorpay:dispute_opened:disp_1", "DISPUTE", "COMPLETED", False),
            ("razorpay:refund_failed:rfnd_2", "REFUND_RETURN", "COMPLETED", False),
            ("razorpay:refund:rfnd_2", "REFUND", "FAILED", False),
            ("razorpay:refund:rfnd_1", "REFUND", "COMPLETED", False),
            ("razorpay:capture:pay_2", "DEPOSIT", "COMPLETED", False),
            ("razorpay:capture:pay_1", "DEPOSIT", "COMPLETED", False),
        ]
        told = {line["id"]: line["description"] for line in lines}
        assert told["payments:transfer:tx-1"] == "Transfer to bob"
        assert told["payments:transfer:tx-2"] == "Transfer from carol"
        assert told["payments:payout_return:w-3"] == "Withdrawal w-3 came back"
        assert "SECRET" not in str(lines)

    in_wallets(_everything(), work)


def _everything() -> list[Json]:
    """Something of every type and status, on alice's wallet."""
    return [
        DEPOSIT,
        razorpay("payment.captured", "pay_2", 50_00),
        razorpay("refund.processed", "rfnd_1", 10_00, of="pay_1"),
        razorpay("refund.processed", "rfnd_2", 20_00, of="pay_1"),
        razorpay("refund.failed", "rfnd_2", 20_00, of="pay_1"),
        razorpay("payment.dispute.created", "disp_1", 50_00, of="pay_2", wallet=None),
        razorpay("payment.dispute.lost", "disp_1", 50_00, of="pay_2", wallet=None),
        native("w-1", "withdrawal", "10.00"),
        native("w-1-done", "withdrawal_processed", "10.00", of="w-1"),
        native("w-2", "withdrawal", "20.00"),
        native("w-2-failed", "withdrawal_failed", "20.00", of="w-2"),
        native("w-3", "withdrawal", "30.00"),
        native("w-3-done", "withdrawal_processed", "30.00", of="w-3"),
        native("w-3-back", "withdrawal_reversed", "30.00", of="w-3"),
        native("w-4", "withdrawal", "40.00"),
        transfer("tx-1", "alice", "bob", "5.00"),
        transfer("tx-2", "carol", "alice", "6.00"),
    ]


def test_the_completed_lines_add_up_to_the_balance(in_wallets: InWallets) -> None:
    """Of every wallet of a story with a bit of everything: what came less what went is the balance less what is owed."""
    comes = {"DEPOSIT", "REFUND_RETURN", "WITHDRAWAL_RETURN", "DISPUTE_RETURN", "TRANSFER_IN"}

    async def work(asking: Asking) -> None:
        wallets = await asking.database.wallets.find({}).to_list()
        assert len(wallets) > 4
        for wallet in wallets:
            lines = await asking.lines(wallet_id=wallet["_id"])
            signed = [
                Decimal(line["amount"]) * (1 if line["type"] in comes else -1) for line in lines if line["completed_at"]
            ]
            assert sum(signed) * 100 == wallet["balance_minor"] - wallet["receivable_minor"], wallet["_id"]

    in_wallets([*story(), *_everything()[7:], *_lost_after_it_was_closed()], work)


def _lost_after_it_was_closed() -> list[Json]:
    """The hold was given back before the money was taken."""
    captured = razorpay("payment.captured", "pay_7", 100_00)
    steps = ("created", "closed", "lost")
    return [
        captured,
        *(razorpay(f"payment.dispute.{step}", "disp_7", 40_00, of="pay_7", wallet=None) for step in steps),
    ]


def test_a_loss_after_the_hold_was_given_back_is_one_completed_line(in_wallets: InWallets) -> None:
    """The later transaction has a line of its own and does not complete the one of the hold as well."""

    async def work(asking: Asking) -> None:
        lines = await asking.lines(wallet_id="alice", type="DISPUTE")
        assert [(line["id"], line["status"], line["completed_at"] is None) for line in lines] == [
            ("razorpay:dispute_withdrawn:disp_7", "COMPLETED", False),
            ("razorpay:dispute_opened:disp_7", "REVERSED", True),
        ]
        assert (await asking.get(BALANCE, wallet_id="alice"))["balance"] == "60.00"

    in_wallets(_lost_after_it_was_closed(), work)


def test_filters_pick_from_the_whole_and_count_it(in_wallets: InWallets) -> None:
    """Every type with every status gives the lines that are so, and their number."""

    async def work(asking: Asking) -> None:
        every = await asking.lines(wallet_id="alice")
        for kind in (None, *LINES):
            for status in (None, *STATUSES):
                query = {name: value for name, value in (("type", kind), ("status", status)) if value}
                found = await asking.get(TRANSACTIONS, wallet_id="alice", limit=100, **query)
                wanted = [line for line in every if kind in (None, line["type"]) and status in (None, line["status"])]
                assert found["transactions"] == wanted, query
                assert (found["total"], found["total_capped"]) == (len(wanted), False)

    in_wallets([*_everything(), *_lost_after_it_was_closed()], work)


def test_times_pick_half_open_spans(in_wallets: InWallets) -> None:
    """From is included, to is not; a date is its first moment. Booked in batches of five, ten seconds apart."""

    async def work(asking: Asking) -> None:
        every = await asking.lines(wallet_id="alice")
        moments = sorted({line["created_at"] for line in every})
        assert len(moments) > 3
        for since in moments:
            for until in moments:
                if since < until:
                    wanted = [line for line in every if since <= line["created_at"] < until]
                    assert await asking.lines(wallet_id="alice", **{"from": since, "to": until}) == wanted
        assert await asking.lines(wallet_id="alice", **{"from": "2026-11-21", "to": "2026-11-22"}) == every
        assert await asking.lines(wallet_id="alice", **{"from": "2026-11-22"}) == []
        assert await asking.lines(wallet_id="alice", to="2026-11-21") == []

    in_wallets(_everything(), work)


def test_pages_by_cursor_and_by_skip_tell_the_same(in_wallets: InWallets) -> None:
    """No line twice, none left out, the total the same on each page, filtered or not."""

    async def work(asking: Asking) -> None:
        filters: tuple[dict[str, str], ...] = ({}, {"type": "WITHDRAWAL"}, {"status": "COMPLETED"})
        for query in filters:
            every = await asking.lines(wallet_id="alice", **query)
            by_cursor: list[Json] = []
            by_skip: list[Json] = []
            cursor: dict[str, str] = {}
            while True:
                page = await asking.get(TRANSACTIONS, wallet_id="alice", limit=2, **query, **cursor)
                skipped = await asking.get(TRANSACTIONS, wallet_id="alice", limit=2, skip=len(by_skip), **query)
                by_cursor += page["transactions"]
                by_skip += skipped["transactions"]
                assert page["total"] == skipped["total"] == len(every)
                assert page["has_more"] == skipped["has_more"] == (len(by_cursor) < len(every))
                if not page["has_more"]:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert by_cursor == by_skip == every

    in_wallets(_everything(), work)


def test_a_long_history_is_looked_through_a_stretch_at_a_time(in_wallets: InWallets) -> None:
    """The total says that it is capped; a rare line beyond the stretch is on the page that the cursor leads to."""

    async def work(asking: Asking) -> None:
        (deposit,) = await asking.database.transactions.find({}).to_list()
        many = [
            deposit | {"_id": f"payments:transfer:{n}", "seq": n, "kind": "transfer", "wallets": ["alice", "bob"]}
            for n in range(2, SCANNED_MAX + 3)
        ]
        await asking.database.transactions.insert_many(many)
        first = await asking.get(TRANSACTIONS, wallet_id="alice")
        assert (first["total"], first["total_capped"], len(first["transactions"])) == (SCANNED_MAX, True, 20)
        rare = await asking.get(TRANSACTIONS, wallet_id="alice", type="DEPOSIT")
        assert (rare["transactions"], rare["total"], rare["total_capped"]) == ([], 0, True)
        assert rare["has_more"]
        found = await asking.get(TRANSACTIONS, wallet_id="alice", type="DEPOSIT", cursor=rare["next_cursor"])
        assert [line["id"] for line in found["transactions"]] == ["razorpay:capture:pay_1"]
        assert not found["has_more"]
        assert (await asking.get(TRANSACTIONS, wallet_id="alice", skip=SCANNED_MAX))["has_more"]

    in_wallets([DEPOSIT], work)


def test_a_page_is_read_from_the_index(in_wallets: InWallets) -> None:
    """In the order of the index, with nothing sorted in memory and nothing scanned beside it."""

    async def work(asking: Asking) -> None:
        await asking.get(TRANSACTIONS, wallet_id="alice")
        pipeline = [{"$match": {"wallets": "alice", "seq": {"$lt": 99}}}, {"$sort": {"seq": -1}}, {"$limit": 5}]
        plan = await asking.database.command(
            {"explain": {"aggregate": "transactions", "pipeline": pipeline, "cursor": {}}, "verbosity": "queryPlanner"}
        )
        assert "wallets_1_seq_-1" in str(plan)
        assert "COLLSCAN" not in str(plan)
        assert "'SORT'" not in str(plan)

    in_wallets(_everything(), work)


ODD: tuple[tuple[str, dict[str, str], int], ...] = (
    (BALANCE, {}, 400),
    (BALANCE, {"wallet_id": ""}, 400),
    (BALANCE, {"wallet_id": "\x00"}, 400),
    (BALANCE, {"wallet_id": "nobody"}, 404),
    (BALANCE, {"wallet_id": "alice", "currency": "inr"}, 404),
    (BALANCE, {"wallet_id": "alice", "limit": "1"}, 400),
    (TRANSACTIONS, {}, 400),
    (TRANSACTIONS, {"wallet_id": "nobody"}, 404),
    (TRANSACTIONS, {"wallet_id": "alice", "type": "deposit"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "status": "DONE"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "limit": "0"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "limit": "101"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "limit": "٣"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "skip": "-1"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "skip": "10001"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "skip": "1", "cursor": "MTA"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "cursor": "LTE"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "from": "yesterday"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "from": "2026-02-30"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "to": "0001-01-01T00:00+14:00"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "from": "2026-11-21", "to": "2026-11-21"}, 400),
    (TRANSACTIONS, {"wallet_id": "alice", "sort": "amount"}, 400),
)
"""What may be asked by accident or malice, and the status it gets."""


def test_what_cannot_be_answered_is_refused_by_name(in_wallets: InWallets) -> None:
    """A problem document, never a 500 and never a guess."""

    async def work(asking: Asking) -> None:
        for path, query, status in ODD:
            assert (query, (await asking.refusal(path, **query))[0]) == (query, status)

    in_wallets([DEPOSIT], work)


def test_a_key_needs_the_scope(in_wallets: InWallets) -> None:
    """401 without a key, 403 with one for other things."""

    async def work(asking: Asking) -> None:
        other = await create_key(asking.database, name="other", scopes=["payments:read"], now=datetime.now(UTC))
        for path in (BALANCE, TRANSACTIONS):
            for key, status in (("", 401), (other, 403)):
                answer = await asking.client.get(path, params={"wallet_id": "alice"}, headers={"X-API-Key": key})
                assert answer.status_code == status

    in_wallets([DEPOSIT], work)


def test_every_effect_of_the_ledger_is_on_a_line_or_ends_one() -> None:
    """A new effect without a place in the statement would be money that nobody sees."""
    assert {effect for line in LINES.values() for effect in line.effects} | WITHOUT_A_LINE == set(EFFECTS.values())
