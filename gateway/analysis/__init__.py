"""What does it mean? A transaction's movement becomes a score with reasons, and for the risky few a narrative.

profile      what a wallet usually does: bounded running state
counterparty what is known of the other side: volume by day, chargebacks; bounded too
features     Movement and states → Features: the numbers of the rules, computed from the past only
vector       the same and more, in one order: the numbers of the trees
model        Features → reasons: the rules and their points, as one table
trees        vector → probability, and which features made it: a boosted tree model without a dependency
judgement    the trees' word on one movement, or silence where they have nothing to go by
assessment   reasons and judgement → Assessment: score, level, recommendation, confidence
default_model, model_store   the model that comes with the gateway; those trained here, and which of them scores
learning     training and measuring, loaded by `gateway model` alone
drift        is a number's population still the one of before
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
