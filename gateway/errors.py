"""Every error the gateway raises on purpose, as one tree.

GatewayError                     a fact with a stable `reason`
├── Refusal                      an answer to a caller; nothing was changed
│   ├── BadRequest          400  not JSON, or a parameter that cannot be read
│   ├── Unauthorized        401  no key, or an unknown one
│   ├── SignatureRefused    403  missing or wrong; `check` tells the operator which, never the caller
│   ├── ScopeMissing        403  the key is good, its scopes do not reach here
│   ├── NotFound            404  unknown source, wallet, payment, event
│   ├── WrongMethod         405
│   ├── TimestampRefused    408  missing, unreadable, too old or in the future
│   ├── SlowBody            408  the body did not arrive in time
│   ├── Conflict            409  a used id with other content
│   ├── TooLarge            413
│   ├── WrongMediaType      415
│   ├── NotTheShape         422  verified, but not what the source promises
│   ├── InvalidSource       422  a source as an operator cannot have it
│   ├── Limited             429
│   └── HeadTooLarge        431  of a request: its bytes, or how many headers
├── Busy                    503  no place for one more connection
├── StoreUnavailable        503  MongoDB did not answer in time; nothing half-done
├── CannotDecrypt                a key is missing, or what is stored was altered
├── BadModel                     a model, or what one is trained or measured on, that cannot be used
├── LeaseLost                    another writer took over; this one must stop writing
└── CannotStart                  settings or surroundings that make a start unsafe
"""

from typing import ClassVar


class GatewayError(Exception):
    """A fact: `reason` is short, stable and also the metric label; `str()` says what was wrong and what to do."""

    reason: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class Refusal(GatewayError):
    """A request that is answered with `status`. `check` names the failed check for the rejected-request log only."""

    retry_after_s: int | None = None

    def __init__(self, message: str, *, check: str | None = None) -> None:
        super().__init__(message)
        self.check = check or self.reason


class BadRequest(Refusal):
    reason, status = "bad_request", 400


class NotJson(BadRequest):
    reason = "not_json"


class Unauthorized(Refusal):
    reason, status = "unauthorized", 401


class SignatureRefused(Refusal):
    reason, status = "signature", 403

    def __init__(self, check: str) -> None:
        super().__init__("The signature is missing or wrong.", check=check)


class ScopeMissing(Refusal):
    reason, status = "scope_missing", 403


class NotFound(Refusal):
    reason, status = "not_found", 404


class UnknownSource(NotFound):
    reason = "unknown_source"


class WrongMethod(Refusal):
    reason, status = "wrong_method", 405


class TimestampRefused(Refusal):
    reason, status = "stale", 408

    def __init__(self, check: str) -> None:
        super().__init__("The signed time is missing, unreadable, too old or in the future.", check=check)


class SlowBody(Refusal):
    reason, status = "slow_body", 408


class Conflict(Refusal):
    reason, status = "conflict", 409


class TooLarge(Refusal):
    reason, status = "too_large", 413


class WrongMediaType(Refusal):
    reason, status = "wrong_media_type", 415


class NotTheShape(Refusal):
    """`fields` maps a field's name to what is wrong with it; it never holds the value."""

    reason, status = "not_the_shape", 422

    def __init__(self, fields: dict[str, str], *, of: str = "this source promises") -> None:
        super().__init__(f"The body is not the shape {of}.")
        self.fields = fields


class InvalidSource(Refusal):
    reason, status = "invalid_source", 422


class Limited(Refusal):
    reason, status = "limited", 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests.")
        self.retry_after_s = retry_after_s


class HeadTooLarge(Refusal):
    reason, status = "head_too_large", 431


class Busy(GatewayError):
    reason, status, retryable = "busy", 503, True
    retry_after_s: int | None = 1


class StoreUnavailable(GatewayError):
    reason, status, retryable = "store_unavailable", 503, True
    retry_after_s: int | None = 1


class CannotDecrypt(GatewayError):
    reason = "cannot_decrypt"


class BadModel(GatewayError):
    reason = "bad_model"


class LeaseLost(GatewayError):
    reason, retryable = "lease_lost", True


class CannotStart(GatewayError):
    """`problems` are one clear sentence each."""

    reason = "cannot_start"

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
