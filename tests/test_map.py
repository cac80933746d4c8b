"""The map in `gateway/__init__.py` is true: every part is on it, and imports only what stands above it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import gateway

PACKAGE = Path(gateway.__file__).parent
ALONGSIDE = {"simulators", "reports", "tests"}
"""Neighbours that the commands may use and nothing else may."""


def _map() -> list[list[str]]:
    """The rows of the docstring's map, each with the parts it names; the first is the foundation."""
    rows: list[list[str]] = []
    for line in (gateway.__doc__ or "").splitlines():
        if row := re.fullmatch(r" {4}(\w+) {2,}(.+)", line):
            rows.append(re.findall(r"\w+", row[2]) if row[1] == "foundation" else [row[1]])
    return rows


def _part(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """Top package and part of everything of ours that the file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            top, _, rest = name.partition(".")
            if top == "gateway" and rest.partition(".")[0] != "__version__":
                yield top, rest.partition(".")[0]
            elif top in ALONGSIDE:
                yield top, ""


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_part_is_on_the_map() -> None:
    """A new file or folder at the top of the package says where it stands."""
    parts = {_part(file) for file in FILES} - {"__init__", "__main__"}
    assert parts == {part for row in _map() for part in row}


def test_imports_go_up_the_map_only() -> None:
    """A part knows what stands above it and itself; so it can be read, tested and changed without what comes after."""
    place = {part: number for number, row in enumerate(_map()) for part in row}
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {part}"
        for file in FILES
        for top, part in _imports(file)
        if top == "gateway" and _part(file) in place and place[part] > place[_part(file)]
    ]
    assert wrong == []


def test_only_the_commands_use_the_neighbours() -> None:
    """Simulators and reports are built on the gateway, not the other way round."""
    users = {_part(file) for file in FILES for top, _ in _imports(file) if top in ALONGSIDE}
    assert users <= {"cli"}


def test_no_import_hides_in_a_function() -> None:
    """What a module needs stands on its first page."""
    hidden = [
        f"{file.relative_to(PACKAGE)}:{inner.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []
