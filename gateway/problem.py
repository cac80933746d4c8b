"""How every refusal looks on the wire: an RFC 9457 problem document with a stable `reason`.

The webhook endpoint, the REST routes and the application's own 404 and 405 all answer through here.
"""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from gateway.errors import BadRequest, GatewayError, NotFound, NotTheShape, Refusal, WrongMethod
from gateway.masking import mask

MEDIA_TYPE = "application/problem+json"


def problem(error: GatewayError) -> dict[str, Any]:
    """The document: type, title, status, detail, reason, and `fields` when the body had the wrong shape.

    An error that is no answer to a caller (a bug, a lost lease) tells nothing but that it happened. What is told is masked:
    it is kept in the callers' logs, and a path or a query may hold anything.
    `type` stays "about:blank" (RFC 9457, 4.2.1): the title is the status's phrase and programs read `reason`.
    """
    told = isinstance(error, Refusal) or error.retryable
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": mask(str(error)) if told else "Something went wrong here; it has been logged.",
        "reason": error.reason,
    }
    if isinstance(error, NotTheShape):
        document["fields"] = {mask(name): mask(wrong) for name, wrong in error.fields.items()}
    return document


def problem_response(error: GatewayError, headers: dict[str, str] | None = None) -> Response:
    """The response: the document, `Retry-After` where the error knows it, a bare challenge on a 401 that has none."""
    all_headers = {"Cache-Control": "no-store"}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        all_headers["Retry-After"] = str(retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = "Bearer"
    all_headers.update(headers or {})
    return Response(orjson.dumps(problem(error)), status_code=error.status, headers=all_headers, media_type=MEDIA_TYPE)


async def _answer_gateway_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    return problem_response(error)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own exceptions: no route, wrong method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("There is nothing at this path."), headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(WrongMethod("This path does not answer that method."), headers)
    return problem_response(BadRequest("The request cannot be read."), headers)


async def _answer_bug(request: Request, error: Exception) -> Response:
    """The outermost net: Starlette sends this and raises the error again, so that the server logs it."""
    return problem_response(GatewayError())


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """For `Starlette(exception_handlers=…)`: nothing leaves the gateway that is not a problem document."""
    return {GatewayError: _answer_gateway_error, HTTPException: _answer_http_exception, Exception: _answer_bug}
