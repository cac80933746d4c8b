"""`gateway demo`: a believable day and an attack against a real gateway, and what a person should know of it."""


def demo() -> None:
    """Placeholder."""
