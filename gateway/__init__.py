"""Auto-Pay Gateway: from a signed webhook to a ledger entry to an insight.

The map, in reading order; a stage imports only what stands above it and the foundation:

    foundation   errors money clock value settings encryption recent booked garbage unhurried runtime priority masking problem mongo
    ingress      may this be let in?          Delivery → VerifiedDelivery
    events       remember before acting       VerifiedDelivery → stored event → PaymentEvent
    ledger       what does it do to money?    PaymentEvent → Transaction
    analysis     what does it mean?           Transaction → Assessment
    insights     what do we tell people?      Assessment → Insight
    monitoring   logs, metrics, health, alerts
    pipeline     the story: reception before the 202, processing after it
    worker       claims stored events and hands them to the pipeline in batches
    queries      what may be asked of what is stored
    audit        is it all true? checks what is stored, sharing no code with what stored it
    access       who may ask: keys, scopes, limits
    schema       the collections and their indexes, made where they are missing
    api          for programs
    mcp_tools    for agents
    app          the socket: settings in, Starlette app out
    supervisor   starts and stops the processes: mongod, web, worker
    web          one web process around the app
    cli          the commands
"""

__version__ = "0.1.0"
