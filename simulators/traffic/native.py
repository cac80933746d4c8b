"""The gateway's own payments: money that moves between two wallets."""

import json
from random import Random

from simulators.traffic.cast import Person, alphanumeric
from simulators.traffic.item import Effect, Item, Posting, decimal_text

SOURCE = "payments"


def transfer(
    random: Random, person: Person, receiver: str, amount_minor: int, at: int, *, description: str = "Payment"
) -> Item:
    """`person` pays `receiver`; what the sender's wallet cannot cover is owed by the sender.

    Senders differ: some write the amount as text, some as a number; some leave the description out.
    """
    tx_id = f"tx_{alphanumeric(random, 20)}"
    text = decimal_text(amount_minor, person.currency)
    fields: dict[str, object] = {
        "tx_id": tx_id,
        "amount": json.loads(text) if random.random() < 0.3 else text,
        "currency": person.currency,
        "sender_account": person.owner,
        "receiver_account": receiver,
    }
    if random.random() < 0.8:
        fields["description"] = f"{description} – {receiver}"
    postings = (
        Posting(person.owner, person.currency, -amount_minor),
        Posting(receiver, person.currency, amount_minor),
    )
    effect = Effect(f"{SOURCE}:transfer:{tx_id}", postings)
    body = json.dumps(fields, ensure_ascii=random.random() < 0.5).encode()
    return Item(SOURCE, "payment", tx_id, tx_id, body, at, effect)
