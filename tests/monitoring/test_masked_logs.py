"""What is in no log line, whoever writes it: our own loggers, other libraries, tracebacks, a crash of the process."""

import json
import subprocess
import sys
from typing import Any

CARD, EMAIL, PHONE, IBAN, UPI = (
    "4111 1111 1111 1111",
    "alice@example.com",
    "+44 20 7946 0958",
    "DE89370400440532013000",
    "alice@okbank",
)
SECRET = "whsec_c3RhbmRhcmQtc2VjcmV0"
PERSONAL = (CARD, EMAIL, PHONE, IBAN, UPI, "c3RhbmRhcmQtc2VjcmV0", "hunter2-hunter2")

_PREAMBLE = f"""
import asyncio, logging, sys
import structlog
from gateway.monitoring.logs import configure_logs
configure_logs("DEBUG", process="test")
log = structlog.get_logger("ours")
CARD, EMAIL, PHONE, IBAN, UPI, SECRET = {(CARD, EMAIL, PHONE, IBAN, UPI, SECRET)!r}
"""


def _logged(program: str) -> list[dict[str, Any]]:
    """The lines that a process of its own writes."""
    ended = subprocess.run(
        [sys.executable, "-c", _PREAMBLE + program], capture_output=True, text=True, timeout=60, check=False
    )
    assert [text for text in PERSONAL if text in ended.stderr] == []
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_text_of_a_line_of_ours_is_masked() -> None:
    """The event's name, fields, nested values, objects; what is ours stays."""
    (line,) = _logged(
        "log.warning(f'paid by {EMAIL}', card=CARD, event_id='evt_' + '4' * 32, amount_minor=4111111111111111,"
        " deep={'to': [PHONE, (UPI,)], EMAIL: IBAN}, error=ValueError(EMAIL), secret='hunter2-hunter2', key=SECRET,"
        " headers={'Authorization': 'Bearer hunter2-hunter2'})"
    )
    assert line["event"] == "paid by [e-mail]"
    assert line["card"] == "[card]"
    assert line["event_id"] == "evt_" + "4" * 32
    assert line["amount_minor"] == 4111111111111111
    assert line["deep"] == {"to": ["[phone]", ["[upi]"]], "[e-mail]": "[iban]"}
    assert line["error"] == "ValueError('[e-mail]')"
    assert (line["secret"], line["key"], line["headers"]) == (
        "[secret]",
        "whsec_[secret]",
        {"Authorization": "[secret]"},
    )
    assert (line["level"], line["logger"], line["process"]) == ("warning", "ours", "test")
    assert line["timestamp"].endswith("Z")


def test_what_other_libraries_log_is_masked() -> None:
    """With arguments, as they do it."""
    (line,) = _logged("logging.getLogger('theirs').error('refused %s for %s', CARD, {'mail': EMAIL})")
    assert line["event"] == "refused [card] for {'mail': '[e-mail]'}"
    assert line["logger"] == "theirs"


def test_tracebacks_are_masked() -> None:
    """Of both, with the causes and the lines of code that quote a secret."""
    ours, theirs = _logged(
        "try:\n"
        "    try:\n"
        "        raise KeyError('whsec_c3RhbmRhcmQtc2VjcmV0')\n"
        "    except KeyError as cause:\n"
        "        raise ValueError(f'{EMAIL} pays with {CARD}') from cause\n"
        "except ValueError:\n"
        "    log.exception('ours_failed')\n"
        "    logging.getLogger('theirs').exception('failed')\n"
    )
    for line in (ours, theirs):
        assert "ValueError: [e-mail] pays with [card]" in line["exception"]
        assert "KeyError: 'whsec_[secret]'" in line["exception"]


def test_a_crash_is_a_masked_line() -> None:
    """An exception that nobody caught ends the process with one line instead of a bare traceback."""
    (line,) = _logged("raise ValueError(EMAIL)")
    assert (line["event"], line["level"]) == ("crashed", "critical")
    assert line["exception"].endswith("ValueError: [e-mail]")


def test_a_task_that_failed_unseen_is_masked() -> None:
    """What asyncio reports on its own."""
    lines = _logged(
        "async def fails(): raise ValueError(EMAIL)\n"
        "async def main():\n"
        "    task = asyncio.create_task(fails())\n"
        "    await asyncio.sleep(0.01)\n"
        "    del task\n"
        "asyncio.run(main())\n"
    )
    assert any("ValueError: [e-mail]" in line.get("exception", "") for line in lines)
