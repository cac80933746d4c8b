"""A harmless event in the words of each scheme, with which an operator tries a source: stored as any other, and ignored."""

from typing import Any

import orjson

from gateway.ingress.identity import TEST_TYPE
from gateway.ingress.providers.schemes import Path, Scheme


def trial_body(scheme: Scheme, trial_id: str) -> bytes:
    """The body of a test event that `trial_id` names. It holds no amount, except where the scheme's own shape asks for one."""
    if scheme.name == "native":
        accounts = {"sender_account": "gateway-test-sender", "receiver_account": "gateway-test-receiver"}
        return orjson.dumps({"tx_id": trial_id, "kind": "test", "amount": "1", "currency": "USD", **accounts})
    body: dict[str, Any] = {"id": trial_id}
    if scheme.items:
        for path in scheme.items.signed:
            _put(body, path, 0 if path in scheme.items.numbers else "")
    for path in scheme.ids[0] if scheme.ids else ():
        _put(body, path, trial_id)
    if scheme.type_path:
        _put(body, scheme.type_path, TEST_TYPE)
    if scheme.items:
        list_name, item_name = scheme.items.names
        body = {list_name: [{item_name: body}]}
    return orjson.dumps(body)


def _put(fields: dict[str, Any], path: Path, value: object) -> None:
    for name in path[:-1]:
        fields = fields.setdefault(name, {})
    fields[path[-1]] = value
