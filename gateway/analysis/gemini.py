"""One question to Gemini through google-genai, with every way it can fail given a name.

Importing this module imports the SDK, which takes about a second; `narrative` does so when it has a first question.
"""

from typing import Any, Final, TypeVar

import httpx2
from google import genai
from google.genai import types
from google.genai.errors import APIError
from pydantic import BaseModel

from gateway.analysis.prompt import Again, NotAnswered

Shape = TypeVar("Shape", bound=BaseModel)

OUTPUT_TOKENS_MAX: Final = 4_096
"""Room for the thinking of models that think; the answer itself is clipped far below."""
RETRY_AFTER_MAX_S: Final = 900.0
RETRYABLE: Final = frozenset({408, 429, 500, 502, 503, 504})
_BLOCKED: Final = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"})


class Gemini:
    """A client for one model. `timeout_s` bounds one attempt; the caller puts a deadline around all of them."""

    def __init__(self, *, api_key: str, model: str, base_url: str | None, timeout_s: float) -> None:
        self._model = model
        # Our own transport: which one the SDK picks depends on what else is installed, and it follows redirects,
        # which would carry the key to another host.
        self._http = httpx2.AsyncClient(timeout=timeout_s, follow_redirects=False)
        options = types.HttpOptions(
            base_url=base_url, timeout=max(1, int(timeout_s * 1000)), httpx_async_client=self._http
        )
        self._client = genai.Client(api_key=api_key, enterprise=False, http_options=options)

    async def ask(self, text: str, *, instruction: str, answer: type[Shape]) -> Shape:
        """The model's answer to the facts in `text`, in the shape of `answer`. Raises `NotAnswered`."""
        try:
            response = await self._client.aio.models.generate_content(
                model=self._model, contents=text, config=_config(instruction, answer)
            )
        except APIError as refused:
            raise _refusal(refused) from None
        except httpx2.TimeoutException:
            raise NotAnswered("timeout", again="now") from None
        except httpx2.HTTPError:
            raise NotAnswered("unreachable", again="now") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            # A 200 that is not JSON, or JSON of another shape: the SDK lets its parser's errors through.
            raise NotAnswered("not_json", again="never") from None
        if not isinstance(response.parsed, answer):
            raise NotAnswered(_why_unparsed(response), again="never")
        return response.parsed

    async def aclose(self) -> None:
        await self._http.aclose()
        self._client.close()


def _config(instruction: str, answer: type[BaseModel]) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        system_instruction=instruction,
        response_mime_type="application/json",
        response_schema=answer,
        max_output_tokens=OUTPUT_TOKENS_MAX,
        temperature=0.2,
        automatic_continuation=False,
    )


def _refusal(refused: APIError) -> NotAnswered:
    """An HTTP answer other than 200. One that is not worth a retry is about us (key, model, settings), not the event."""
    again: Again = "now" if refused.code in RETRYABLE else "later"
    return NotAnswered(f"http_{refused.code}", again=again, retry_after_s=_retry_after_s(refused))


def _retry_after_s(refused: APIError) -> float:
    """The pause that the service asks for, which the SDK ignores: `Retry-After` in seconds, or Google's `retryDelay`.

    Source: RFC 9110, 10.2.3; google.rpc.RetryInfo. A date or anything unreadable counts as no wish.
    """
    wishes = [_header(refused), *_delays(refused.details)]
    return max((_seconds(wish) for wish in wishes), default=0.0)


def _header(refused: APIError) -> Any:
    headers = getattr(refused.response, "headers", None)
    return headers.get("retry-after") if headers else None


def _delays(details: Any) -> list[Any]:
    error = details.get("error") if isinstance(details, dict) else None
    entries = error.get("details") if isinstance(error, dict) else None
    return (
        [entry.get("retryDelay") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )


def _seconds(wish: Any) -> float:
    digits = wish.strip().removesuffix("s") if isinstance(wish, str) else ""
    if not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        return 0.0
    return min(RETRY_AFTER_MAX_S, float(digits))


def _why_unparsed(response: types.GenerateContentResponse) -> str:
    """The SDK gives `parsed is None` without an exception; the answer says why, if anything does."""
    if response.prompt_feedback and response.prompt_feedback.block_reason:
        return "blocked"
    finished = response.candidates[0].finish_reason if response.candidates else None
    name = finished.name if finished else ""
    if name == "MAX_TOKENS":
        return "truncated"
    return "blocked" if name in _BLOCKED else "wrong_shape"
