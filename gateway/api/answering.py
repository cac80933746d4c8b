"""What the REST paths have in common: reading a query strictly, answering in JSON that no proxy keeps."""

from typing import Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest

QUERY_LENGTH_MAX: Final = 2_048
_NO_STORE: Final = {"Cache-Control": "no-store"}


def query_of(request: Request, known: set[str]) -> dict[str, str]:
    """The query's parameters, each at most once. Raises `BadRequest` for one that this path does not have."""
    if len(request.scope["query_string"]) > QUERY_LENGTH_MAX:
        raise BadRequest(f"A query is at most {QUERY_LENGTH_MAX} bytes.")
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs) or not query.keys() <= known:
        raise BadRequest(f"This path takes these parameters, each once: {', '.join(sorted(known))}.")
    return query


def limit_of(query: dict[str, str]) -> int:
    return whole_number(query, "limit", "20")


def whole_number(query: dict[str, str], name: str, default: str) -> int:
    """The parameter as a number; its own bounds are the question's to check. Raises `BadRequest`."""
    text = query.get(name, default)
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadRequest(f"{name} is a whole number.")
    return int(text)


def answer(found: BaseModel, status_code: int = 200) -> Response:
    return json_response(found.model_dump(), status_code)


def json_response(content: object, status_code: int = 200) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_UTC_Z),
        status_code=status_code,
        headers=_NO_STORE,
        media_type="application/json",
    )
