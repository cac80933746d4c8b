"""`gateway demo`: a believable day and an attack against a real gateway, and what a person should know of it.

story   starts the gateway, sends, asks        screens   what each answer looks like in a terminal
"""

from gateway.cli.demo.story import demo

__all__ = ["demo"]
