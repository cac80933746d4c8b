"""What do we tell people? An assessment becomes a stored insight; one for each applied event.

insight      Movement and Assessment → the `insights` document
security     counts of refusals → the `security_insights` document of a spike
behaviour    a wallet's payments → its pattern, frequency, loyalty
routing      how the providers did, and which to prefer
unusual      a day's figure against its weekdays; drift of scores
inactivity   who may stay away, told only where the own past bears it out
provider_records, day_figures   what MongoDB adds up of a day
business, wallet_weeks          from those figures and the past to what is told
period_store the collection `period_insights`, written once per subject and period
store        writes them, answers the questions of API, MCP and reports, and hands pending narratives out
"""
