"""The page and the JSON: the same numbers, nothing executable, and who wrote what."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from reports.render import as_html, as_json, grouped


class Page(HTMLParser):
    """What a reader and a browser find: words, elements, and the numbers of each currency's total row."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.numbers: list[tuple[str, str]] = []
        self.totals: dict[str, list[str]] = {}
        self._row: str | None = None
        self._number: str | None = None
        self._unseen = False
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._unseen = tag == "style" or (self._unseen and tag != "title")
        if tag == "tr":
            self._row = found.get("data-total")
        if tag == "data":
            self._number = found["value"]
            if self._row:
                self.totals.setdefault(self._row, []).append(str(self._number))

    def handle_endtag(self, tag: str) -> None:
        self._unseen = self._unseen and tag != "style"

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self.words += data
        if self._number is not None:
            self.numbers.append((self._number, data))
            self._number = None


@pytest.fixture
def busy(stored: Any) -> Any:
    """A store with three currencies and something in every section."""
    stored.booked("capture", 123_456_789)
    stored.booked("refund", 1_000, source="standard")
    stored.booked("refund_failed", 400)
    stored.booked("capture", 5_000, "JPY")
    stored.transferred(1_500, "KWD", sender="bob", receiver="carol", after=(0, 1_500))
    stored.received("a")
    stored.received("b", "parked", reason="no such payment", awaits="stripe:payment:pi_9")
    stored.received("c", None)
    stored.refused("signature", 403)
    stored.assessed("a", 71)
    stored.add(
        "incidents", at=stored.documents["events"][0]["received_at"], kind="conflict", event_id="evt_a", source="stripe"
    )
    return stored.figures()


def test_every_total_on_the_page_is_the_json_s(busy: Any) -> None:
    """Column by column: captured, refunded, returned, net, transferred, bookings."""
    page, document = Page(as_html(busy)), json.loads(as_json(busy))
    names = ("captured", "refunded", "returned", "net", "transferred")
    for each in document["currencies"]:
        amounts = [f"{each['total'][name]['amount']} {each['currency']}" for name in names]
        assert page.totals[each["currency"]] == [*amounts, str(each["total"]["transactions"])]
    assert page.totals.keys() == {each["currency"] for each in document["currencies"]} == {"USD", "JPY", "KWD"}


def test_every_number_reads_as_the_value_it_carries(busy: Any) -> None:
    """Commas and a true minus sign are all that is added for people."""
    numbers = Page(as_html(busy)).numbers
    assert len(numbers) > 50
    for value, words in numbers:
        assert value.split(" ")[0] == words.replace(",", "").replace("\u2212", "-")


def test_the_totals_can_be_computed_again_from_the_json(busy: Any) -> None:
    document = json.loads(as_json(busy))
    for each in document["currencies"]:
        for name in ("captured", "refunded", "returned", "net", "transferred"):
            parts = [part["flow"][name]["amount_minor"] for part in each["by_source"]]
            steps = [step["flow"][name]["amount_minor"] for step in each["series"]]
            assert sum(parts) == sum(steps) == each["total"][name]["amount_minor"]
    assert document["events"]["received"] == sum(each["events"] for each in document["events"]["by_outcome"])


def test_an_amount_in_json_is_text_and_minor_units_with_its_currency(busy: Any) -> None:
    yen = json.loads(as_json(busy))["currencies"][0]
    assert yen["total"]["captured"] == {"amount_minor": 5_000, "currency": "JPY", "amount": "5000"}


def test_nothing_in_the_json_is_added_across_currencies(busy: Any) -> None:
    """Every amount outside a currency's own part stands beside the currency it is in."""
    text = as_json(busy).decode()
    assert text.count('"amount_minor"') == len(re.findall(r'"amount_minor": -?[0-9]+,\s+"currency": "[A-Z]{3}"', text))


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e&amp;"


def test_hostile_text_is_shown_and_never_runs(stored: Any) -> None:
    """Each place where a provider's, a caller's or a model's words stand."""
    for kind in ("type", "tx_id", "reason", "awaits", "source"):
        stored.received(f"p-{kind}", "parked", **{kind: HOSTILE})
    stored.refused(HOSTILE, 403, source=HOSTILE)
    stored.booked(
        "capture", 5, legs=[{"account": "wallet:" + HOSTILE, "amount_minor": 5, "balance_after": 5, "version": 1}]
    )
    stored.booked(HOSTILE, 5, source=HOSTILE)
    written = {"status": "written", "headline": HOSTILE, "text": HOSTILE, "advice": HOSTILE, "model": HOSTILE}
    hostile = dict.fromkeys(("wallet", "counterparty", "kind", "source", "level", "model"), HOSTILE)
    stored.assessed(
        HOSTILE, 99, **hostile, narrative=written, reasons=[{"code": HOSTILE, "points": 1, "text": HOSTILE}]
    )
    stored.add(
        "incidents", at=stored.documents["events"][0]["received_at"], kind=HOSTILE, event_id=HOSTILE, source=HOSTILE
    )
    html = as_html(stored.figures())
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "link", "a", "form"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.words
    assert "\u202e" not in page.words
    assert "49" not in {words for _, words in page.numbers}


def test_the_page_needs_nothing_from_outside(busy: Any) -> None:
    """One stylesheet inside, no address anywhere, and a policy that forbids the rest."""
    html = as_html(busy)
    page = Page(html)
    assert not [attributes for _, attributes in page.elements if attributes.keys() & {"src", "href", "action"}]
    assert b"url(" not in html
    assert b"@import" not in html
    assert b"default-src 'none'" in html


def test_a_model_s_text_names_its_model(stored: Any) -> None:
    written = {
        "status": "written",
        "headline": "Odd hour",
        "text": "Unusual for it.",
        "advice": "contact_owner",
        "model": "gemini-x",
        "prompt_version": "3",
    }
    stored.assessed("a", 90, narrative=written)
    words = Page(as_html(stored.figures())).words
    assert "Written by the model gemini-x, prompt 3. Nobody has checked it." in words
    assert "Suggests: contact owner" in words


def test_a_missing_narrative_says_why(stored: Any) -> None:
    """Also one that claims to be written and has no text."""
    stored.assessed("a", 90)
    stored.assessed("b", 80, narrative={"status": "written", "text": "", "model": "gemini-x"})
    words = Page(as_html(stored.figures())).words
    assert "No narrative: no model key." in words
    assert "No narrative: failed." in words
    assert "Written by the model" not in words


EMPTY = (
    "No transaction was booked in this period.",
    "No payment changed its state in this period.",
    "No event was received in this period.",
    "No refused requests in this period (the log of refusals is empty).",
    "No incidents in this period.",
    "No event waits for the worker.",
    "No event is parked.",
    "No insight was stored in this period.",
)


def test_each_empty_section_says_so(stored: Any) -> None:
    words = Page(as_html(stored.figures())).words
    assert [sentence for sentence in EMPTY if sentence not in words] == []


def test_books_that_do_not_balance_are_said_at_the_top(stored: Any) -> None:
    stored.booked(
        "capture", 900, legs=[{"account": "wallet:alice", "amount_minor": 900, "balance_after": 900, "version": 1}]
    )
    words = Page(as_html(stored.figures())).words
    assert "The books do not balance." in words
    assert "differs" in words


@pytest.mark.parametrize(
    ("decimal", "people"),
    [("0.00", "0.00"), ("-1234.50", "\u22121,234.50"), ("1000000", "1,000,000"), ("12345.678", "12,345.678")],
)
def test_an_amount_is_grouped_by_thousands(decimal: str, people: str) -> None:
    assert grouped(decimal) == people
