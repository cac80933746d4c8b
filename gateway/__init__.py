"""Auto-Pay Gateway: from a signed webhook to a ledger entry to an insight.

The map, in reading order; a stage imports only what stands above it and the foundation:

    foundation   errors · money · clock · settings · mongo
    ingress      may this be let in?          Delivery → VerifiedDelivery
    events       remember before acting       VerifiedDelivery → Event → PaymentEvent
    ledger       what does it do to money?    PaymentEvent → Transaction
    analysis     what does it mean?           Transaction → Assessment
    insights     what do we tell people?      Assessment → Insight
    pipeline     the story: receive before the 202, process after it
    worker       claims stored events and hands them to the pipeline in batches
    mcp_tools    for agents
    api          for programs
    monitoring   logs, metrics, health
    app          the socket: settings in, Starlette app out
    supervisor   starts and stops the processes: mongod, web, worker
    cli          the commands
"""

__version__ = "0.1.0"
