"""Signature schemes as data, and the sources that use them. A provider of a known family is a row in `schemes`."""

from gateway.ingress.providers.schemes import SCHEMES, Scheme
from gateway.ingress.providers.sources import Secret, Source, Window, open_sources

__all__ = ["SCHEMES", "Scheme", "Secret", "Source", "Window", "open_sources"]
