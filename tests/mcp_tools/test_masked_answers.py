"""What an agent is told goes into a prompt: what identifies a person in it is masked, in answers and in errors."""

import json
from datetime import timedelta
from typing import Any

from seeded_store import NOW, insight, leg, transaction, wallet
from served import InGateway, Served
from test_over_http import ALL, agent, text_of

OWNER, PAYER, PAYMENT = "alice@example.com", "+919876543210", "4111111111111111"


async def _with_persons(served: Served) -> None:
    """A wallet whose owner is an e-mail address, paid by a phone number."""
    event = "evt_" + "4" * 32
    effect = f"payments:transfer:{PAYMENT}"
    await served.database.wallets.insert_one(wallet(OWNER, "USD", 5_000))
    legs = [leg(f"wallet:{PAYER}", -500, 0), leg(f"wallet:{OWNER}", 500, 5_000)]
    await served.database.transactions.insert_one(transaction(90, effect, legs, event_id=event))
    await served.database.insights.insert_one(
        insight(
            event, effect, 90, "critical", "amount", wallet=OWNER, counterparty=PAYER, at=NOW - timedelta(minutes=1),
            narrative={"status": "written", "headline": f"{OWNER} is unusual", "text": f"Call {PAYER}.", "advice": "watch"},
        )
    )  # fmt: skip


async def _ask(served: Served, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], str]:
    async with agent(served, *ALL) as client:
        result = await client.call_tool(name, arguments)
        assert not result.is_error
        assert result.structured_content is not None
        return result.structured_content, text_of(result)


def test_a_persons_identifiers_are_masked_in_answers(in_gateway: InGateway) -> None:
    """In the structured answer and in the text beside it, which stay the same and keep amounts, times and our ids."""

    async def work(served: Served) -> None:
        await _with_persons(served)
        found, text = await _ask(served, "detect_fraud_patterns", {})
        assert json.loads(text) == found
        risky = found["riskiest"][0]
        assert (risky["wallet"], risky["headline"], risky["narrative"]) == (
            "[e-mail]",
            "[e-mail] is unusual",
            "Call [phone].",
        )
        assert risky["event_id"] == "evt_" + "4" * 32
        assert not any(text in json.dumps(found) for text in (OWNER, PAYER))

    in_gateway(work)


def test_what_the_caller_asked_with_is_shown(in_gateway: InGateway) -> None:
    """It knows its own argument; the other side of the payment stays masked."""

    async def work(served: Served) -> None:
        await _with_persons(served)
        for asked in (OWNER, f"USD:{OWNER}"):
            balance, _ = await _ask(served, "get_wallet_balance", {"wallet_id": asked})
            assert (balance["owner"], balance["balances"][0]["balance"]) == (OWNER, "50.00")
            history, text = await _ask(served, "wallet_transaction_history", {"wallet_id": asked})
            entry = history["entries"][0]
            assert entry["counterparties"] == ["wallet:[phone]"]
            assert entry["transaction_id"] == "payments:transfer:[card]"
            assert (entry["amount"], entry["seq"]) == ("5.00", 90)
            assert not any(hidden in text for hidden in (PAYER, PAYMENT))

    in_gateway(work)


def test_errors_are_masked(in_gateway: InGateway) -> None:
    """A choice among stored ids may name a person; what the caller wrote is shown."""

    async def work(served: Served) -> None:
        await served.database.objects.insert_many(
            [
                {"_id": f"{source}:payment:{PAYMENT}", "kind": "payment", "source": source, "object_id": PAYMENT}
                for source in ("stripe", OWNER)
            ]
        )
        async with agent(served, *ALL) as client:
            result = await client.call_tool("get_payment_status", {"payment_id": PAYMENT})
        assert result.is_error
        assert f"stripe:payment:{PAYMENT}" in text_of(result)
        assert "[e-mail]:payment" in text_of(result)
        assert OWNER not in text_of(result)

    in_gateway(work)
