"""What does it mean? A transaction's movement becomes a score with reasons, and for the risky few a narrative.

profile      what a wallet usually does: bounded running state
features     Movement and Profile → Features: the numbers, computed from the past only
model        Features → reasons: the rules and their points, as one table
assessment   reasons → Assessment: score, level, confidence
redact       masks in every text that leaves for a model
prompt       an insight → what Gemini is told, and the shape of its answer
summary_prompt  the same of a day, week or month of the business
budget       how often Gemini may be asked, and when it is left alone
retrying     the attempts of one question, within one deadline
gemini       one question to Gemini, with its failures given names
forecast     a daily series → the days ahead, with bands and the error a backtest measured
number_words, figures_in_words  a narrative without the sentences whose numbers its facts do not hold
narrative    the story around that question: cache, tries, pending rows
"""
