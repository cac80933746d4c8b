"""A Python that is slower than it need be is told from one that is not."""

import platform

import pytest

from gateway.runtime import is_plainly_compiled, python_version


@pytest.mark.parametrize(
    ("configured", "prefix", "plainly"),
    [
        ("'--prefix=/home/a/.pyenv/versions/3.11.7' '--enable-shared'", "/home/a/.pyenv/versions/3.11.7", True),
        ("", "/opt/python", False),
        ("'--build=x86_64-linux-gnu' '--enable-optimizations' '--with-lto'", "/usr/local", False),
        ("'--prefix=/usr' '--enable-shared' '--without-ensurepip'", "/usr", False),
    ],
    ids=["pyenv", "cannot be told", "official image", "distribution"],
)
def test_what_is_said_of_a_build(configured: str, prefix: str, plainly: bool) -> None:
    """By the arguments that it was configured with."""
    assert is_plainly_compiled(configured, prefix) is plainly


def test_the_version_begins_with_the_version() -> None:
    """Whatever is said behind it."""
    assert python_version().split(",")[0] == platform.python_version()
