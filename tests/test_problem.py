"""What a refusal tells its caller: the reason and what to do, masked."""

from gateway.errors import BadRequest, GatewayError, NotTheShape
from gateway.problem import problem


def test_the_detail_of_a_problem_is_masked() -> None:
    """A message that quotes what was asked for is kept in the callers' logs and shown on screens."""
    document = problem(
        BadRequest("No wallet alice@example.com; 4111 1111 1111 1111 is no id either. Ask with USD:alice.")
    )
    assert document["detail"] == "No wallet [e-mail]; [card] is no id either. Ask with USD:alice."


def test_the_fields_of_a_problem_are_masked() -> None:
    """Their names too: a sender may have put anything there."""
    document = problem(NotTheShape({"alice@example.com": "is unknown", "amount": "4111111111111111 is too much"}))
    assert document["fields"] == {"[e-mail]": "is unknown", "amount": "[card] is too much"}


def test_an_error_that_is_no_answer_tells_nothing() -> None:
    """Not even masked."""
    assert problem(GatewayError("the stack"))["detail"] == "Something went wrong here; it has been logged."
