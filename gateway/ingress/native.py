"""The native body: `tx_id, amount, currency, sender_account, receiver_account, description?, kind?`, read exactly.

`kind` is "payment" (the default: it has happened and is booked), or what a system of ours asks for and funds and limits
decide: "transfer" (to another wallet at once) and "withdrawal" (held until "withdrawal_processed", "withdrawal_failed" or
"withdrawal_reversed" names it in `withdrawal`). A "test" moves nothing: it tries whether the way here is open.

The one source whose shape is ours to promise, so the only one that is answered 422 with the fields at fault.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import NotJson, NotTheShape
from gateway.money import NotMoney, minor_units

_ID_PATTERN = r"^[!-~]{1,128}$"
"""Printable ASCII without spaces: safe in a URL, a log line and a terminal."""


class _NativeBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    tx_id: str = Field(pattern=_ID_PATTERN)
    amount: str | int | Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    sender_account: str = Field(pattern=_ID_PATTERN)
    receiver_account: str = Field(pattern=_ID_PATTERN)
    description: str | None = Field(default=None, max_length=1_000)
    kind: Literal[
        "payment", "transfer", "withdrawal", "withdrawal_processed", "withdrawal_failed", "withdrawal_reversed", "test"
    ] = "payment"
    withdrawal: str | None = Field(default=None, pattern=_ID_PATTERN)


class NativePayment(NamedTuple):
    tx_id: str
    amount_minor: int
    currency: str
    sender: str
    receiver: str
    kind: str = "payment"
    withdrawal: str | None = None
    """The `tx_id` of the withdrawal that a `withdrawal_…` speaks of."""


def read_native(fields: object, payload: bytes) -> NativePayment:
    """The payment that `fields` (the parsed `payload`) describes. Raises `NotTheShape` naming each wrong field.

    A fraction written as a JSON number is read again from the payload's text, since a float would already have rounded it.
    """
    if not isinstance(fields, dict):
        raise NotTheShape({"body": "must be a JSON object"})
    if isinstance(fields.get("amount"), float):
        fields = {**fields, "amount": _exact_amount(payload)}
    try:
        body = _NativeBody.model_validate(fields)
    except ValidationError as refused:
        raise NotTheShape(_faults(refused.errors(include_input=False, include_url=False))) from None
    for name in ("sender_account", "receiver_account"):
        if getattr(body, name).startswith("suspense:"):
            raise NotTheShape({name: "must not be an account of the gateway's own"})
    if body.sender_account == body.receiver_account:
        raise NotTheShape({"receiver_account": "must differ from sender_account"})
    try:
        amount_minor = minor_units(body.amount, body.currency)
    except NotMoney as wrong:
        raise NotTheShape({"currency" if str(wrong).startswith("currency") else "amount": str(wrong)}) from None
    if (body.withdrawal is not None) != body.kind.startswith("withdrawal_"):
        raise NotTheShape({"withdrawal": "names the withdrawal's tx_id, and only where kind is withdrawal_…"})
    return NativePayment(
        tx_id=body.tx_id,
        amount_minor=amount_minor,
        currency=body.currency,
        sender=body.sender_account,
        receiver=body.receiver_account,
        kind=body.kind,
        withdrawal=body.withdrawal,
    )


def _exact_amount(payload: bytes) -> Decimal:
    try:
        amount = json.loads(payload, parse_float=Decimal)["amount"]
    except (ValueError, RecursionError):
        raise NotJson("The body is not JSON.") from None
    return amount if isinstance(amount, Decimal) else Decimal("NaN")


def _faults(errors: list[Any]) -> dict[str, str]:
    return {str(error["loc"][0]): _fault(error) for error in errors}


def _fault(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["loc"][0] == "kind":
        return "must be payment, transfer, withdrawal, withdrawal_processed, _failed or _reversed, or test"
    if error["loc"][0] in ("tx_id", "sender_account", "receiver_account", "withdrawal"):
        return "must be 1 to 128 printable ASCII characters without spaces"
    if error["loc"][0] == "currency":
        return "must be an ISO 4217 code in capitals, such as USD"
    return (
        "must be a decimal number or string"
        if error["loc"][0] == "amount"
        else "must be text of at most 1000 characters"
    )
