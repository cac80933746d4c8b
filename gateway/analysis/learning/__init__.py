"""Training and measuring models. Nothing here runs while money is booked; only `gateway model` loads it.

rows        a file of labelled events, read and checked
stream      rows, in order → vectors and rules' scores, each from its past only
measures    scores and labels → average precision, AUC, CP@100, recall, calibration
protocol    which rows are trained on and tested on: the Fraud Detection Handbook's, A and B
train       vectors and labels → a tree model (LightGBM, the extra `[train]`)
bench       all of them: a file → the table beside the published rows

The stored past is streamed by `gateway.pipeline.history`, which sees the books.
"""
