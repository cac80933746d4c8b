"""JSON logs on standard error, one object a line, masked; what other libraries log and what ends a process go the same way."""

import logging
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import structlog

from gateway.masking import mask_all


def configure_logs(level: str, *, process: str) -> None:
    """Set up once per process. `process` is named in every line: web-1, worker, supervisor."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                lambda _logger, _method, event: {**event, "process": process},
                structlog.processors.format_exc_info,
                mask_line,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    sys.excepthook = _log_crash
    for chatty in ("httpx", "httpx2", "pymongo", "uvicorn.access", "google_genai", "mcp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def mask_line(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The last processor before a line is written: every text in it masked, nested ones and tracebacks too."""
    masked: dict[str, Any] = mask_all(event)
    return masked


def _log_crash(kind: type[BaseException], crash: BaseException, traceback: TracebackType | None) -> None:
    """What would end the process with a bare traceback; an interrupt from the keyboard says nothing new."""
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("gateway").critical("crashed", exc_info=(kind, crash, traceback))
