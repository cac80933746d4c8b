"""What the demo shows, each part as one table or panel. Everything printed was asked of the running gateway."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from gateway.money import decimal_text
from simulators.attacks import Result, results_table
from simulators.delivering import Summary

_LEVEL_STYLE: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "green"}
WALLETS_SHOWN: Final = 10


def opening(console: Console, url: str, data_dir: Path) -> None:
    console.print(Rule("[bold]Auto-Pay Gateway[/]", align="left"))
    console.print(f"Starting a private MongoDB, the gateway at {url} and its worker; data in {data_dir}")


def traffic(console: Console, summary: Summary, metrics: Mapping[str, Any]) -> None:
    console.print(Rule("What providers sent", align="left"))
    console.print(
        f"{summary.sent} signed webhooks from {', '.join(sorted(summary.by_source))}: "
        f"[green]{summary.accepted} accepted[/], {summary.duplicates} repeated ones recognised. "
        f"Acknowledged, durably stored, within {summary.latency_ms(0.5)} ms (median), {summary.latency_ms(0.99)} ms (99 %)."
    )
    outcomes = ", ".join(f"{count['count']} {count['name']}" for count in metrics["by_outcome"])
    console.print(f"What became of today's {metrics['events']} events: {outcomes}.")
    table = Table("currency", box=None, pad_edge=False)
    for heading in ("captured", "refunded", "transferred"):
        table.add_column(heading, justify="right")
    for total in metrics["currencies"]:
        table.add_row(total["currency"], total["captured"], total["refunded"], total["transferred"])
    console.print(table)


def attacks(console: Console, results: Sequence[Result]) -> None:
    console.print(Rule("What an attacker tried", align="left"))
    wrong = [result for result in results if result.held is False]
    if wrong:
        console.print(results_table(wrong, title="Answered otherwise than they should be"))
    told = Counter((result.group, result.got, result.reason) for result in results if result.held)
    table = Table("attacks on", "answer", "reason given", "how many", box=None, pad_edge=False)
    for (group, got, reason), count in sorted(told.items()):
        table.add_row(group, got, reason, str(count))
    console.print(table)
    held = sum(result.held is True for result in results)
    console.print(f"[bold]{held} of {len(results)} attacks got exactly the answer they should.[/]")


def wallets(
    console: Console,
    before: Mapping[tuple[str, str], int],
    after: Mapping[tuple[str, str], int],
    expected: Mapping[tuple[str, str], int],
    as_expected: bool,
    shifted: set[tuple[str, str]],
) -> None:
    console.print(Rule("Wallets, before and after", align="left"))
    table = Table("wallet", "", box=None, pad_edge=False)
    for heading in ("before", "after", "expected change"):
        table.add_column(heading, justify="right")
    largest = sorted(expected, key=lambda wallet: -abs(expected[wallet]))[:WALLETS_SHOWN]
    for owner, currency in sorted(largest):
        wallet = owner, currency
        amounts = [before.get(wallet, 0), after.get(wallet, 0), expected[wallet]]
        table.add_row(owner, currency, *(decimal_text(amount, currency) for amount in amounts))
    console.print(table)
    console.print(
        "(a wallet below zero is one whose owner owes: it holds 0 and the rest is booked as a receivable)", style="dim"
    )
    agreement = "[green]all as expected[/]" if as_expected else "[bold red]NOT as expected[/]"
    console.print(f"{len(expected)} wallets against a ledger computed apart from the gateway's: {agreement}.")
    if shifted:
        console.print(f"[bold red]The attack moved {len(shifted)} wallets.[/]")
    else:
        console.print("The attack moved [green]none[/] of them.")


def insights(console: Console, patterns: Mapping[str, Any]) -> None:
    console.print(Rule("Insights worth reading, as an agent gets them over MCP", align="left"))
    if patterns["note"]:
        console.print(patterns["note"])
    for insight in patterns["riskiest"]:
        title = Text(f"{insight['score']:>3}  {insight['level']}", style=_LEVEL_STYLE.get(insight["level"], ""))
        title.append(
            f"   {insight['kind']} of {insight['amount']} {insight['currency']}, wallet {insight['wallet']}",
            style="default",
        )
        console.print(title)
        for reason in insight["reasons"]:
            if reason["points"]:
                console.print(f"       +{reason['points']:<3} {reason['text']}", markup=False)
    absent = {
        insight["narrative_reason"] for insight in patterns["riskiest"] if insight["narrative_status"] == "absent"
    }
    if "no_model_key" in absent:
        console.print(
            "No narrative by a model: GEMINI_API_KEY is not set. The scores above are the local scorer's.", style="dim"
        )


def onward(console: Console, url: str, key: str, data_dir: Path, report: Path) -> None:
    console.print(Rule("Look further", align="left"))
    python = _from_here(Path(sys.executable))
    environment = f"set -a; . {data_dir}/secrets.env; set +a"
    for what, how in (
        ("report", f"{report}"),
        ("report anew", f"{python} -m gateway report --period day --out report-out --data-dir {data_dir}"),
        ("API key", key),
        ("API", f'curl -H "X-API-Key: {key}" {url}/monitoring/health'),
        ("MCP", f"{url}/mcp  with the header  Authorization: Bearer {key}"),
        ("MCP, stdio", f"{python} -m gateway mcp --data-dir {data_dir}"),
        ("send more", f"({environment}; {python} -m simulators.providers --url {url})"),
        ("attack it", f"({environment}; {python} -m simulators.attacks --url {url})"),
        ("log", f"{data_dir}/server.log"),
    ):
        console.print(f"[bold]{what:<11}[/] {how}", soft_wrap=True, highlight=False)


def _from_here(path: Path) -> Path:
    """As one would type it in this folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def serving(console: Console, url: str) -> None:
    console.print(f"Serving at {url}; Ctrl-C stops it.")
