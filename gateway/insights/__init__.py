"""What do we tell people? An assessment becomes a stored insight; one for each applied event.

insight      Movement and Assessment → the `insights` document
security     counts of refusals → the `security_insights` document of a spike
behaviour    a wallet's payments → its pattern, frequency, loyalty
routing      how the providers did, and which to prefer
store        writes them, answers the questions of API, MCP and reports, and hands pending narratives out
"""
