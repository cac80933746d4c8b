"""Pictures made of the tables: geometry first, painted into SVG for the page and onto the PDF's canvas by the formats.

drawing    rectangles, lines, areas and words on a plane; the colours
axis       round numbers along an axis
flows      bars of each day: in above the line, back below it
sources    the net of each source
lines      rates by day, and the forecast with its band
heat       payments by weekday and hour
chosen     which pictures a report gets
"""
