"""For agents: the same questions as the REST API, as MCP tools; tools that change something only where they are enabled.

terms      the table: each tool's toolset, scope and hints; which of them this deployment offers
asking     what every tool is given, and the arguments that several share
payments, wallets, insights, reports, operations, compliance, subscriptions
           the toolsets: short functions whose docstrings an agent reads
moving     transfers, and requests for refunds and deposits
refundable how much of a payment may still be asked for
recording  alerts, measurements and errors for people
once       a call that changes something happens once, under its idempotency key
caps       how much an agent may move, per call and day
confirming a person is asked first
tools      the tools, made from the table and the toolsets
resources  the same answers by URI, with completion of ids
prompts    reviews as a person would ask for them
strict     arguments that are exactly what the schema says, errors that say what to do
scopes     what a key sees and may call, list by list
server     the tools as a server of the official SDK
gate       in front of it: the door, and the 403 that names the scope
http       /mcp: bearer keys, streamable HTTP
stdio      the same over standard input and output
"""
