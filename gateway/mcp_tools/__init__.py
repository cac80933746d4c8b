"""For agents: the same questions as the REST API, as read-only MCP tools.

tools      what each tool is called, needs and asks
strict     arguments that are exactly what the schema says, errors that say what to do
scopes     which tools a key sees and may call
server     the tools as a server of the official SDK
gate       in front of it: the door, and the 403 that names the scope
http       /mcp: bearer keys, streamable HTTP
stdio      the same over standard input and output
"""
