"""A person is asked before an agent moves money: the client shows the question, and without a yes nothing is done.

The SDK asks through the client (elicitation) and carries the question's state sealed: bound to who called, to the tool with
exactly these arguments, and to a time. A client that cannot ask is refused, and so is one of an older protocol revision over
HTTP, where a stateless server has no way to ask in the middle of a call.
"""

import base64
import binascii
from typing import Annotated, Final

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver.resolve import Elicit
from mcp.server.request_state import InvalidRequestState, RequestStateSecurity
from pydantic import BaseModel, Field

from gateway.encryption import Cipher
from gateway.errors import BadRequest, CannotDecrypt

_BOUND_TO: Final = "mcp request state"


class Confirmation(BaseModel):
    """What the person answers."""

    confirm: Annotated[bool, Field(description="True to do it")]


def question(what: str) -> Elicit[Confirmation]:
    """`what` is our own sentence about the arguments."""
    return Elicit(f"An agent asks to {what}. Should this be done?", Confirmation)


def require_yes(answer: ElicitationResult[Confirmation]) -> None:
    """Raises `BadRequest` unless a person said yes."""
    if not (isinstance(answer, AcceptedElicitation) and answer.data.confirm is True):
        raise BadRequest("The person who was asked did not confirm it; nothing was done. Do not ask again unasked.")


class SealedState:
    """The SDK's codec, with the gateway's own keys: any web process opens what another one sealed, and keys rotate."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def seal(self, payload: bytes) -> str:
        """URL-safe text: the key's id and the sealed bytes."""
        sealed = self._cipher.seal(payload, _BOUND_TO)
        return f"{self._cipher.key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def unseal(self, token: str) -> bytes:
        """Raises `InvalidRequestState`."""
        key_id, _, text = token.partition(".")
        try:
            return self._cipher.open(base64.b64decode(text, altchars=b"-_", validate=True), key_id, _BOUND_TO)
        except (CannotDecrypt, binascii.Error, ValueError):
            raise InvalidRequestState("not sealed by this gateway") from None


def confirmed_within(cipher: Cipher, seconds: int) -> RequestStateSecurity:
    """The policy for the server: sealed, bound to the caller, good for so long."""
    return RequestStateSecurity(codec=SealedState(cipher), ttl=float(seconds))
