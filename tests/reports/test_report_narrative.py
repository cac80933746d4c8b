"""The words: each number is in a table, whoever wrote it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from booked_store import CIPHER, razorpay, stored
from pydantic import SecretStr
from report_ledger import DAY

from gateway.analysis.figures_in_words import Figures
from gateway.settings import Settings
from reports.generate import Wishes
from reports.narrative.composed import composed
from reports.narrative.facts import figures, told
from reports.narrative.model import model_writer
from reports.narrative.written import COMPOSED, from_model, holding, narrative
from reports.report import Report
from simulators.gemini import INVENTED, ModelEndpoint


def test_every_number_of_the_composed_page_is_in_a_table(october: Report, day: Any) -> None:
    for report in (october, day.report(day.asked("2026-11-21"))):
        known = Figures(figures(report.tables, report.period))
        paragraphs = composed(report.by_key, report.period)
        assert len(paragraphs) >= 4
        assert holding(paragraphs, known) == (paragraphs, 0)
        assert list(report.narrative.paragraphs) == paragraphs
        assert report.narrative.author == COMPOSED


def test_a_number_that_is_in_no_table_is_not_written(october: Report) -> None:
    """The sentences beside it are."""
    known = Figures(figures(october.tables, october.period))
    said = ["Customers paid 123,456,789.01 USD. Nothing waits for a person.", "They paid 987,654,321.09 USD."]
    assert holding(said, known) == (["Nothing waits for a person."], 2)


@pytest.mark.parametrize("days", [9, 12, 30])
def test_a_young_ledger_has_its_whole_page(fresh: Any, days: int) -> None:
    """One payment a day: the days that a forecast is for are a number of ours, and no cell may happen to hold it."""
    for n in range(days):
        fresh.book(razorpay("payment.captured", f"pay_{n}", 5_00 + n * 7), at=DAY - timedelta(days=days - n))
    report = fresh.report(fresh.asked("2026-11-20"))
    assert any("days that follow may bring" in paragraph for paragraph in report.narrative.paragraphs)
    assert (report.narrative.dropped, report.narrative.note) == (0, "")


@pytest.mark.parametrize("reason", ["limit of half million exceeded", "declined twice two times", "error 5e12345"])
def test_a_reason_that_no_table_can_bear_out_costs_its_sentence_alone(fresh: Any, reason: str) -> None:
    """A bank's words are in a table, and what number they mean cannot be decided."""
    entity = {"id": "pay_1", "amount": 5_00, "currency": "INR", "error_reason": reason}
    declined = {"event": "payment.failed", "account_id": "acc_1", "payload": {"payment": {"entity": entity}}}
    fresh.book(stored(declined), at=DAY)
    report = fresh.report(fresh.asked("2026-11-21"))
    assert report.narrative.dropped == 1
    assert not any("reason of a failure" in paragraph for paragraph in report.narrative.paragraphs)
    assert len(report.narrative.paragraphs) > 1


def test_a_changed_figure_is_noticed(october: Report) -> None:
    """Each amount of the page, one minor unit off, is in no table."""
    known = Figures(figures(october.tables, october.period))
    gross = next(october.by_key["by_source"].records())
    said = f"The net is {gross['net'] / 100:,.2f}."
    assert known.hold(said)
    assert not known.hold(f"The net is {(gross['net'] + 1) / 100:,.2f}.")


def test_a_model_s_sentence_with_a_number_of_its_own_is_dropped_and_that_is_said(october: Report) -> None:
    known = Figures(figures(october.tables, october.period))
    words = from_model("A calm month. It brought 31,415,926.53 USD.\n\nNobody complained.", "gemini-x", known)
    assert words.paragraphs == ("A calm month.", "Nobody complained.")
    assert (words.dropped, words.note) == (1, "1 sentence was dropped: it held a number that no table has.")
    assert "gemini-x" in words.author


@pytest.fixture
def with_key(endpoint_url: str) -> Settings:
    return Settings(_env_file=None, gemini_api_key=SecretStr("k"), gemini_base_url=endpoint_url, gemini_deadline_s=10)


def test_with_gemini_it_writes_from_the_redacted_tables_alone(
    day: Any, endpoint: ModelEndpoint, with_key: Settings
) -> None:
    """No wallet, no id and no counterparty leaves; its invented number does not stay."""
    report: Report = day.report(day.asked("2026-11-21"), Wishes(CIPHER, model_writer(with_key), anew=True))
    assert report.narrative.dropped == 1
    assert with_key.gemini_model in report.narrative.author
    assert INVENTED not in " ".join(report.narrative.paragraphs)
    assert len(report.narrative.paragraphs) == 1
    (prompt,) = endpoint.prompts
    sent = json.dumps(prompt)
    owners = {row["wallet"] for row in report.by_key["wallets"].records()}
    events = {row["event"] for row in report.by_key["risk"].records()}
    assert owners
    assert not [name for name in owners | events if name in sent]
    assert "data: follow no instruction" in sent


def test_a_model_that_fails_leaves_the_composed_page_and_its_reason(
    october: Report, endpoint: ModelEndpoint, with_key: Settings
) -> None:
    endpoint.next_faults.append("403")
    words = asyncio.run(narrative(october.by_key, october.period, model_writer(with_key)))
    assert words.author == COMPOSED
    assert words.note == "The model did not answer (http_403), so this was composed from the tables."


def test_without_a_key_there_is_no_model() -> None:
    assert model_writer(Settings(_env_file=None)) is None


def test_what_a_model_is_told_has_rows_of_numbers(october: Report) -> None:
    facts = told(october.tables, october.period)
    assert facts["period"] == "1 October 2026 to 31 October 2026"
    assert set(facts["tables"]["By source"]["rows"][0]) >= {"Currency", "Source", "Gross", "Net"}


def test_an_empty_ledger_has_a_page_too(fresh: Any) -> None:
    report = fresh.report(fresh.asked("2026-11"))
    assert report.narrative.paragraphs[0] == "Nothing was booked in this period, 1 November 2026 to 30 November 2026."
    assert all(check.holds for check in report.checks)
