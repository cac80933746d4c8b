"""The event with which an operator tries a source: every scheme lets it in, and nobody acts on it."""

from datetime import UTC, datetime

import pytest

from gateway.events.event import NoMovement, Outcome
from gateway.events.normalise import normalise
from gateway.ingress.delivery import Delivery
from gateway.ingress.identity import TEST_TYPE, identify
from gateway.ingress.providers import SCHEMES, Secret, Source, Window
from gateway.ingress.sign import sign
from gateway.ingress.trial import trial_body
from gateway.ingress.verify import verify

KEY = b"k" * 32
NOW = 1_763_712_000.0
URL = "https://gateway.example.com/webhooks/tried"


@pytest.mark.parametrize("name", SCHEMES)
def test_a_trial_is_let_in_and_moves_nothing(name: str) -> None:
    """Signed, verified, named by its own id wherever the scheme has a place for one, and ignored."""
    scheme = SCHEMES[name]
    source = Source("tried", scheme, (Secret("1", KEY),), url=URL)
    ids = set()
    for trial_id in ("gateway-test-1", "gateway-test-2"):
        body = trial_body(scheme, trial_id)
        headers, body = sign(scheme, KEY, body, at=NOW, message_id=trial_id, url=URL)
        raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
        verified = verify(Delivery("tried", raw, body, NOW, "192.0.2.1"), source, Window(300, 5))
        identity = identify(verified, scheme)
        ids.add(identity.event_id)
        stored = {
            "_id": identity.event_id,
            "source": "tried",
            "scheme": name,
            "type": identity.type,
            "received_at": datetime.fromtimestamp(NOW, UTC),
            "body": verified.payload,
        }
        read = normalise(stored)
        assert isinstance(read, NoMovement)
        assert read.outcome is Outcome.IGNORED
        assert identity.type == (TEST_TYPE if scheme.type_path or name == "native" else "unknown")
    assert len(ids) == 2
