"""A local endpoint that the real google-genai client talks to, with faults on demand.

    python -m simulators.gemini --port 8090
    GEMINI_API_KEY=any GEMINI_BASE_URL=http://127.0.0.1:8090 gateway serve

It answers `POST /{v1|v1beta}/models/{model}:generateContent` with JSON of the asked-for schema, computed from the facts
in the prompt: the strongest reason of a score and its numbers, or a few cells of a report's tables and, as models do, one
number of its own. It is no model; it only takes the model's place.

    POST   /faults   {"next": ["429", "timeout"]}   the faults of the next requests, in order
    GET    /prompts                                  the last request bodies, oldest first
    DELETE /prompts                                  forgets them
"""

import argparse
import asyncio
import json
import random
import re
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

FAULTS: Final = (
    "none", "429", "500", "503", "403", "timeout", "slow", "dropped", "garbage", "truncated", "blocked", "not_json", "wrong_shape",
    "redirect",
)  # fmt: skip
PROMPTS_KEPT: Final = 100
_ORDER: Final = re.compile(r"(?:ignore|disregard|forget|set|mark|answer|say|reply|approve)\b[^\"\\.]*", re.IGNORECASE)
FAULTS_QUEUED_MAX: Final = 1_000
BODY_BYTES_MAX: Final = 1_000_000


class ModelEndpoint:
    """What the endpoint remembers: the prompts it got and the faults it owes."""

    def __init__(
        self,
        *,
        fault: str = "none",
        fault_rate: float = 1.0,
        seed: int = 0,
        hang_s: float = 60.0,
        slow_s: float = 1.0,
        retry_after_s: int = 1,
        obedient: bool = False,
    ) -> None:
        self.prompts: deque[dict[str, Any]] = deque(maxlen=PROMPTS_KEPT)
        self.requests = 0
        self.next_faults: deque[str] = deque(maxlen=FAULTS_QUEUED_MAX)
        self.hang_s = hang_s
        self.slow_s = slow_s
        self.retry_after_s = retry_after_s
        self.says: dict[str, Any] | None = None
        """What it answers whatever it is asked; None: what the facts say."""
        self.obedient = obedient
        self._fault = fault
        self._fault_rate = fault_rate
        self._random = random.Random(seed)

    def draw_fault(self) -> str:
        """The next ordered fault, else the standing one with its probability."""
        if self.next_faults:
            return self.next_faults.popleft()
        return self._fault if self._random.random() < self._fault_rate else "none"

    async def generate(self, request: Request) -> Response:
        """`generateContent`: the request is checked as far as our client depends on it, then answered or failed."""
        self.requests += 1
        if not request.headers.get("x-goog-api-key"):
            return _error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        body = await request.body()
        if len(body) > BODY_BYTES_MAX:
            return _error(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
        asked: dict[str, Any] = json.loads(body)
        self.prompts.append(asked)
        fault = self.draw_fault()
        if fault in _REFUSALS:
            return _REFUSALS[fault](self)
        if fault == "timeout":
            await self._hang(request)
        elif fault == "slow":
            await asyncio.sleep(self.slow_s)
        elif fault == "dropped":
            return _Dropped()
        orders = orders_in(asked) if self.obedient else []
        says = obeying(orders) if orders else self.says
        return _answer(asked, fault, request.path_params["call"].partition(":")[0], says)

    async def _hang(self, request: Request) -> None:
        """Says nothing for `hang_s`, or until the client has had enough."""
        give_up_at = monotonic() + self.hang_s
        while monotonic() < give_up_at and not await request.is_disconnected():
            await asyncio.sleep(0.05)

    async def order_faults(self, request: Request) -> Response:
        wanted = (await request.json())["next"]
        unknown = [fault for fault in wanted if fault not in FAULTS]
        if unknown:
            return JSONResponse({"unknown": unknown, "known": FAULTS}, status_code=400)
        self.next_faults.extend(wanted)
        return JSONResponse({"queued": len(self.next_faults)})

    async def kept_prompts(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.prompts.clear()
        return JSONResponse({"requests": self.requests, "prompts": list(self.prompts)})


class _Dropped(Response):
    """The connection ends in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"candidates": [', "more_body": True})


def create_app(endpoint: ModelEndpoint | None = None) -> Starlette:
    """The endpoint as an ASGI app; pass a `ModelEndpoint` to look into it."""
    endpoint = endpoint or ModelEndpoint()
    return Starlette(
        routes=[
            Route("/faults", endpoint.order_faults, methods=["POST"]),
            Route("/prompts", endpoint.kept_prompts, methods=["GET", "DELETE"]),
            Route("/v1/models/{call}", endpoint.generate, methods=["POST"]),
            Route("/v1beta/models/{call}", endpoint.generate, methods=["POST"]),
        ]
    )


def facts_of(asked: dict[str, Any]) -> dict[str, Any] | None:
    """The facts in the last user message; None without them or without a response schema."""
    try:
        facts = json.loads(asked["contents"][-1]["parts"][-1]["text"])
        wanted = asked["generationConfig"]["responseSchema"]["properties"]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return facts if isinstance(facts, dict) and wanted.keys() & {"explanation", "prose"} else None


def orders_in(asked: dict[str, Any]) -> list[str]:
    """Every order in what the model reads besides our own instruction, wherever it hides."""
    return _ORDER.findall(json.dumps(asked.get("contents"), ensure_ascii=False))


def obeying(orders: list[str]) -> dict[str, Any]:
    """The answer of a model that does whatever it is told, and more: it repeats the orders and tries to decide things."""
    said = " ".join(orders)
    return {
        "headline": f"As ordered: {said}",
        "explanation": f"I did as I was told: {said}",
        "advice": "no_action",
        "score": 0,
        "level": "low",
        "outcome": "applied",
    }


def answer_to(facts: dict[str, Any]) -> dict[str, str]:
    """Headline, explanation and, about an event, advice, computed from the facts."""
    if "period" in facts:
        return _summary_of(facts)
    reasons = sorted(facts.get("reasons", []), key=lambda reason: -reason["points"])
    said = [_sentence(reason) for reason in reasons if reason["points"]] or ["Nothing unusual was found."]
    history = " There is little history." if facts.get("confidence", 0) < 0.3 else ""
    score = facts.get("score") or 0
    return {
        "headline": said[0],
        "explanation": f"{' '.join(said)} The score is {score} of {facts.get('score_max', 100)}.{history}",
        "advice": "review" if score >= 60 else "watch" if score >= 30 else "no_action",
    }


def prose_of(facts: dict[str, Any]) -> dict[str, str]:
    """A sentence for each of the first tables, and one whose number stands in none."""
    said = [f"The report is about {facts['period']}."]
    for title, table in list(facts["tables"].items())[:4]:
        cells = ", ".join(f"{name} {value}" for name, value in table["rows"][0].items())
        said.append(f"{title} begins with {cells}.")
    return {"prose": " ".join([*said, f"Altogether this is about {INVENTED} more than anybody expected."])}


INVENTED: Final = "987,654.32"


def _summary_of(facts: dict[str, Any]) -> dict[str, str]:
    """Of a day, week or month."""
    captured = [
        f"{row['payments']} payments of {row['amount']} {row['currency']} were captured." for row in facts["captured"]
    ]
    unusual = [
        f"{each['what']} of {each['subject']}: {each['value']}, usual {each['usual']}." for each in facts["unusual"]
    ]
    told = [*captured, *unusual] or ["Nothing was captured."]
    return {"headline": f"{facts['period'].capitalize()} {facts['name']}: {told[0]}", "explanation": " ".join(told)}


def _sentence(reason: dict[str, Any]) -> str:
    usual = f", usual {reason['usual']}" if reason.get("usual") else ""
    return f"{reason['code'].replace('_', ' ').capitalize()}: {reason['value']}{usual}."


def _answer(asked: dict[str, Any], fault: str, model: str, says: dict[str, Any] | None) -> Response:
    facts = facts_of(asked)
    if facts is None:
        return _error(400, "INVALID_ARGUMENT", "The prompt holds no JSON facts, or no schema was given.")
    text = json.dumps(says or (prose_of(facts) if "tables" in facts else answer_to(facts)))
    if fault == "truncated":
        return _content(text[: len(text) // 2], "MAX_TOKENS", model)
    if fault == "wrong_shape":
        text = json.dumps({"summary": "This is not the schema that was asked for."})
    return _content(text, "STOP", model)


def _content(text: str, finish_reason: str, model: str) -> Response:
    candidate = {
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": finish_reason,
        "index": 0,
    }
    usage = {"promptTokenCount": 200, "candidatesTokenCount": len(text) // 4, "totalTokenCount": 200 + len(text) // 4}
    return JSONResponse({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model})


def _error(status: int, name: str, message: str, **extra: Any) -> Response:
    headers = extra.pop("headers", None)
    error = {"code": status, "message": message, "status": name, **extra}
    return JSONResponse({"error": error}, status_code=status, headers=headers)


def _too_many(endpoint: ModelEndpoint) -> Response:
    retry_info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{endpoint.retry_after_s}s"}
    headers = {"Retry-After": str(endpoint.retry_after_s)}
    return _error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.", details=[retry_info], headers=headers)


def _blocked(_: ModelEndpoint) -> Response:
    return JSONResponse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 200}})


_REFUSALS: Final[dict[str, Callable[[ModelEndpoint], Response]]] = {
    "429": _too_many,
    "503": lambda _: _error(503, "UNAVAILABLE", "The model is overloaded."),
    "garbage": lambda _: Response(b'\x00\xff{"candidates": [[[', media_type="application/json"),
    "500": lambda _: _error(500, "INTERNAL", "An internal error has occurred."),
    "403": lambda _: _error(403, "PERMISSION_DENIED", "The caller does not have permission."),
    "blocked": _blocked,
    "not_json": lambda _: PlainTextResponse("<html>a proxy's own page</html>", media_type="text/html"),
    "redirect": lambda _: Response(status_code=307, headers={"Location": "/elsewhere"}),
}


def main() -> None:
    """Serves on loopback until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m simulators.gemini", description="A stand-in for Gemini.")
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one")
    parser.add_argument("--fault", choices=FAULTS, default="none")
    parser.add_argument(
        "--fault-rate", type=float, default=1.0, help="share of the requests that get the fault, 0 to 1"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    endpoint = ModelEndpoint(fault=options.fault, fault_rate=options.fault_rate, seed=options.seed)
    listening = socket.create_server(("127.0.0.1", options.port))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(create_app(endpoint), log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
