"""May this be let in? Bytes and headers become a `Delivery`, and a `VerifiedDelivery` only when a secret vouches for it.

Reading order: delivery · providers (the schemes, as data) · verify · identity · endpoint (the HTTP around them) · at_once ·
kept_alive · straight (the short way to it).
"""
