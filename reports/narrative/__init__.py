"""The report in words: composed from the tables or written by a model from them; each number is looked up in them either way.

facts      the tables as the only things a sentence may draw on, and what of them a model may see
composed   plain sentences, always there
model      the same by Gemini, when it is configured
written    which of the two it is, and the check of every number
"""
