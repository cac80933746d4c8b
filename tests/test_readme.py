"""What the README says is proven by a test, is: every test that it names exists."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def names_in(file: Path) -> set[str]:
    """The names of a file's test functions."""
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing(text: str) -> list[str]:
    """The tests that `text` names as `tests/…/test_x.py::test_name` (or the file alone) and that there are not."""
    wrong = []
    for path, name in NAMED.findall(text):
        file = REPOSITORY / path
        if not file.is_file() or (name and name not in names_in(file)):
            wrong.append(f"{path}::{name}" if name else path)
    return wrong


def test_every_test_that_the_readme_names_exists() -> None:
    """A table of what is proven cannot name a proof that is gone."""
    assert missing((REPOSITORY / "README.md").read_text()) == []


def test_a_test_that_is_gone_is_found() -> None:
    """Of a file that is there, and of one that is not; what exists is not complained about."""
    here = "tests/test_readme.py"
    assert missing(f"`{here}::test_a_test_that_is_gone_is_found`, `{here}`") == []
    assert missing(f"`{here}::test_gone`, `tests/none/test_gone.py`") == [
        f"{here}::test_gone",
        "tests/none/test_gone.py",
    ]
