"""The stand-in for Gemini: what it checks, what it computes, which faults it can be told to have."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from simulators.gemini import ModelEndpoint, answer_to, create_app

SCHEMA: dict[str, Any] = {"properties": {"headline": {}, "explanation": {}, "advice": {}}}
FACTS = {
    "score": 65,
    "score_max": 100,
    "confidence": 0.1,
    "reasons": [
        {"code": "odd_hour", "points": 10, "value": "03:00 UTC", "usual": "0.0%"},
        {"code": "amount", "points": 45, "value": "1000.00 USD", "usual": "10.00 USD"},
    ],
}


def ask(endpoint: ModelEndpoint, *, key: str = "any", version: str = "v1", facts: Any = FACTS) -> Any:
    body = {
        "contents": [{"role": "user", "parts": [{"text": json.dumps(facts)}]}],
        "generationConfig": {"responseSchema": SCHEMA},
    }
    client = TestClient(create_app(endpoint))
    path = f"/{version}/models/gemini-2.5-flash:generateContent"
    return client.post(path, json=body, headers={"x-goog-api-key": key} if key else {})


def text_of(response: Any) -> str:
    text: str = response.json()["candidates"][0]["content"]["parts"][0]["text"]
    return text


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_it_answers_with_what_the_facts_say(version: str) -> None:
    """The strongest reason is the headline; the advice follows the score."""
    answer = json.loads(text_of(ask(ModelEndpoint(), version=version)))
    assert answer["headline"] == "Amount: 1000.00 USD, usual 10.00 USD."
    assert "65 of 100. There is little history." in answer["explanation"]
    assert answer["advice"] == "review"


def test_other_facts_give_another_answer() -> None:
    """It is computed, not canned."""
    assert answer_to({"score": 0, "confidence": 0.9, "reasons": []})["advice"] == "no_action"


def test_it_wants_a_key() -> None:
    """Like the real one, it refuses callers without."""
    assert ask(ModelEndpoint(), key="").status_code == 403


def test_it_wants_facts() -> None:
    """A prompt that is not a JSON object is refused."""
    assert ask(ModelEndpoint(), facts="tell me a story").status_code == 400


def test_faults_come_in_the_order_they_were_asked_for() -> None:
    """Then it answers again."""
    endpoint = ModelEndpoint()
    ordered = TestClient(create_app(endpoint)).post("/faults", json={"next": ["500", "429"]})
    assert ordered.json() == {"queued": 2}
    assert [ask(endpoint).status_code for _ in range(3)] == [500, 429, 200]


def test_an_unknown_fault_is_refused() -> None:
    """The answer names the known ones."""
    response = TestClient(create_app()).post("/faults", json={"next": ["earthquake"]})
    assert response.status_code == 400
    assert "truncated" in response.json()["known"]


def test_a_standing_fault_has_a_rate_and_a_seed() -> None:
    """The same seed gives the same run."""

    def run() -> list[int]:
        endpoint = ModelEndpoint(fault="500", fault_rate=0.3, seed=4)
        return [ask(endpoint).status_code for _ in range(40)]

    assert run() == run()
    assert 4 <= run().count(500) <= 20


def test_it_keeps_the_prompts_until_told_to_forget() -> None:
    """For tests that must see what left the gateway."""
    endpoint = ModelEndpoint()
    ask(endpoint)
    client = TestClient(create_app(endpoint))
    assert len(client.get("/prompts").json()["prompts"]) == 1
    assert client.delete("/prompts").json()["prompts"] == []
