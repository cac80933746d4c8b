"""Who may ask, and how often: API keys with scopes, the ring that checks them, and the limits of each route group.

`door` is the one entrance that the REST routes and the MCP endpoint both go through.
"""
