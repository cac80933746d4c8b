"""Reading a provider's JSON without trusting its shape."""

import hashlib
import re
from typing import Any, Final

from gateway.money import AMOUNT_MINOR_MAX, NotMoney, exponent
from gateway.value import value

_ID: Final = re.compile(r"[!-~]{1,128}")
UNIX_S_MAX: Final = 253_402_300_799
"""The last second of the year 9999, where datetime ends."""


class Unreadable(Exception):
    """The event's type is known, its content is not what the provider documents; `str()` names the field."""


class NoConcern(Exception):
    """The event is understood and concerns no wallet; `str()` says why."""


@value(frozen=True, slots=True)
class Told:
    """A stored event, opened."""

    event_id: str
    source: str
    type: str
    received_at: float
    fields: dict[str, Any]
    body: bytes


def at(fields: object, *path: str) -> Any:
    """What stands at `path`; None where the path breaks off."""
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields


def identifier(fields: object, *path: str) -> str:
    """The id at `path`. Raises `Unreadable`."""
    found = optional_identifier(fields, *path)
    if found is None:
        raise Unreadable(f"{'.'.join(path)} is missing or no id")
    return found


def optional_identifier(fields: object, *path: str) -> str | None:
    found = at(fields, *path)
    if isinstance(found, dict):  # an expanded object stands where its id would
        found = found.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def owner(fields: object, *path: str) -> str | None:
    """A wallet's owner; a name of our own accounts is none."""
    found = optional_identifier(fields, *path)
    return found if found is not None and is_owner(found) else None


def is_owner(name: str) -> bool:
    return bool(_ID.fullmatch(name)) and not name.startswith("suspense:")


def currency_code(fields: object, *path: str) -> str:
    found = at(fields, *path)
    code = found.upper() if isinstance(found, str) else ""
    try:
        exponent(code)
    except NotMoney:
        raise Unreadable(f"{'.'.join(path)} is no currency") from None
    return code


def whole_amount(fields: object, *path: str) -> int:
    """The amount in the provider's minor units, above zero. Raises `Unreadable`."""
    found = at(fields, *path)
    if type(found) is not int or not 0 < found <= AMOUNT_MINOR_MAX:
        raise Unreadable(f"{'.'.join(path)} is no amount")
    return found


def moment(told: Told, *path: str) -> float:
    """Unix seconds at `path`, else the time of arrival."""
    found = at(told.fields, *path)
    return float(found) if isinstance(found, int | float) and 0 < found < UNIX_S_MAX else told.received_at


def pseudonym(kind: str, value: str) -> str:
    """A stable stand-in for something personal (an address, a UPI handle): same value, same stand-in, no way back by reading."""
    return f"{kind}:{hashlib.sha256(value.encode()).hexdigest()[:12]}"
