"""`gateway web` (hidden): one web process of `gateway serve`."""

import os
from typing import Annotated

import typer

from gateway.app import build_app
from gateway.cli.start_checks import mongo_url
from gateway.monitoring.logs import configure_logs
from gateway.settings import load_settings
from gateway.web import run_web


def web(fd: Annotated[int, typer.Option(help="The listening socket, inherited.")]) -> None:
    """One web process of `gateway serve`."""
    settings = load_settings()
    configure_logs(settings.log_level, process=f"web-{os.getpid()}")
    run_web(build_app(settings, mongo_url(settings)), settings, fd)
