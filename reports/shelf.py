"""The directory of regular reports: an index page of what is there, and what is too old taken out of it."""

import re
import shutil
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final

from reports.files import write_whole

_NAME: Final = re.compile(
    r"(report-[0-9]{4}-[0-9]{2}-[0-9]{2}--[0-9T-]+[A-Za-z0-9._-]*?)(\.html|\.pdf|\.xlsx|\.json|-csv)"
)
_ORDER: Final = (".html", ".pdf", ".xlsx", "-csv", ".json")
DAY_S: Final = 86_400
_STYLE: Final = Path(__file__).parent / "templates" / "report.css"


@dataclass(frozen=True, slots=True)
class Shelved:
    """One report and its files, by ending."""

    name: str
    files: dict[str, Path]


def tidy(directory: Path, *, kept_days: int, now: datetime) -> None:
    """Take out reports whose files were written longer ago than `kept_days`; nothing else in the directory is touched. Then
    write index.html anew."""
    for report in shelved(directory):
        for path in report.files.values():
            if now.timestamp() - path.stat().st_mtime > kept_days * DAY_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_whole(directory / "index.html", _index(shelved(directory)))


def shelved(directory: Path) -> list[Shelved]:
    """Every report that is there, the latest period first."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in directory.iterdir():
        if name := _NAME.fullmatch(path.name):
            found[name[1]][name[2]] = path
    return [Shelved(name, found[name]) for name in sorted(found, reverse=True)]


def _index(reports: list[Shelved]) -> bytes:
    """A page like the reports': one file, no script, nothing from outside; its links are to the files beside it."""
    rows = "\n".join(f"<tr><td>{escape(_words(each.name))}</td><td>{_links(each)}</td></tr>" for each in reports)
    style = _STYLE.read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'">
<title>Payments reports</title>
<style>
{style}</style>
</head>
<body>
<header><p class="kicker">Auto-Pay Gateway</p><h1>Payments reports</h1></header>
<main><section><table>
<thead><tr><th scope="col">Period</th><th scope="col">Files</th></tr></thead>
<tbody>
{rows or '<tr><td colspan="2">No report yet.</td></tr>'}
</tbody></table></section></main>
</body>
</html>
""".encode()


def _words(name: str) -> str:
    """The end of a period is not part of it."""
    since, _, until = name.removeprefix("report-").partition("--")
    return f"from {since}, up to {until}"


def _links(report: Shelved) -> str:
    each = [
        f'<a href="{escape(report.files[ending].name)}{"/" if ending == "-csv" else ""}">{ending.lstrip(".-").upper()}</a>'
        for ending in _ORDER
        if ending in report.files
    ]
    return " · ".join(each)
