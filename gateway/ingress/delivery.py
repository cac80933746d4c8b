"""What arrives at the door, before and after it is proven: the first two values of the flow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Header names in lower case with their values, as ASGI gives them; nothing is decoded or joined."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST as it came. Nothing in it may be believed."""

    source: str
    headers: RawHeaders
    body: bytes
    received_at: float
    """Unix seconds at which the body was complete."""
    remote: str
    """The peer's address; evidence for the log, never a reason to trust."""


class VerifiedDelivery(NamedTuple):
    """A delivery whose `payload` one of the source's secrets has signed. (A tuple, as all that is made of it before the 202: a
    frozen dataclass sets each field by a call, 3 % of a webhook.)"""

    delivery: Delivery
    payload: bytes
    """The signed content. The raw body, except where the signature sits inside it: then what was canonicalised and signed."""
    secret_id: str
    signed_at: float | None
    """The signed time in unix seconds; None where the scheme signs none."""
    message_id: str | None
    """The id the signature covers in a header (Standard Webhooks); None where the id is in the body or not signed."""
