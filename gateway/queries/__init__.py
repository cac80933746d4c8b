"""What may be asked of what is stored: each question once, with a typed answer, shared by REST, MCP and the reports.

    reading     the bounds of a question: how long it may take, which ids it takes
    period      "day", "week", "month" or FROM..TO, as a half-open span of UTC
    payments    what became of a payment, refund or transfer
    events      what became of one delivery
    wallets     what a wallet holds
    history     what moved it, newest first, page by page
    allowance   what it holds and what may still go out of it today and this month
    statement   what came and went, each movement once with the state it is in now
    context     what an agent may know before it decides about a payment, a wallet or a period
    insights    what is told of events, wallets, the business and security, and what it rests on
    fraud       what looked risky in a period
    metrics     what was moved, received and refused in a period
    refusals    what was refused at the door, row by row, and the spikes in it
    trouble     what needs an operator's eye
    backlog     what still waits for the worker
    health      is the gateway well
    past        what a wallet held at a moment
    verification  is a payment what somebody says it is
    untrusted   what a sender wrote as free text, cleaned, only for who asks for it
    behaviour   how an owner behaves
    revenue     what came in and went back, step by step
    performance how fast events were settled and how they ended
    subscriptions  how many there are, in which state
    alerts      what a person has to look at
    audits      what the regular audits found
    trail       who did what
    recorded    what agents have recorded
    pci         which rules for card data hold, as far as can be seen
    export      records of a period as flat rows
    basis       what an answer to an agent rests on
    indexes     the indexes that these questions need beyond those of the stores

Nothing here writes. Amounts are given in minor units and as decimal text, never added across currencies. What a provider
wrote as free text is part of no answer but that of `untrusted`.
"""
