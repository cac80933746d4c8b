"""A picture on the PDF: the same shapes as on the page, painted by ReportLab, whose y goes up."""

from collections.abc import Callable
from typing import Final

from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from reports.charts.drawing import Area, Dot, Drawing, Line, Point, Rect, Shape, Words

FONT: Final = "Vera"
FONT_BOLD: Final = "VeraBd"
_WORDS_SCALE: Final = 0.92
"""The PDF's font runs wider than the page's."""


class Picture(Flowable):
    """A drawing as wide as the text."""

    def __init__(self, drawing: Drawing, width: float, drawable: Callable[[str], str]) -> None:
        super().__init__()
        self._drawing = drawing
        self._drawable = drawable
        self._scale = width / drawing.width
        self.hAlign = "LEFT"
        self.width, self.height = width, drawing.height * self._scale

    def draw(self) -> None:
        """Called by ReportLab with `canv` set."""
        self.canv.saveState()
        self.canv.scale(self._scale, self._scale)
        for shape in self._drawing.shapes:
            self._paint(shape)
        self.canv.restoreState()

    def _paint(self, shape: Shape) -> None:
        match shape:
            case Rect():
                self.canv.setFillColor(HexColor(shape.fill))
                self.canv.rect(shape.x, self._up(shape.y + shape.height), shape.width, shape.height, stroke=0, fill=1)
            case Line():
                self._line(shape)
            case Area():
                self.canv.setFillColor(HexColor(shape.fill))
                self.canv.drawPath(self._path(shape.points), stroke=0, fill=1)
            case Dot():
                self.canv.setFillColor(HexColor(shape.fill))
                self.canv.circle(shape.x, self._up(shape.y), shape.radius, stroke=0, fill=1)
            case Words():
                self._words(shape)

    def _line(self, line: Line) -> None:
        self.canv.setStrokeColor(HexColor(line.stroke))
        self.canv.setLineWidth(line.width)
        self.canv.setDash(*((list(line.dash),) if line.dash else ()))
        self.canv.drawPath(self._path(line.points), stroke=1, fill=0)

    def _path(self, points: tuple[Point, ...]) -> object:
        path = self.canv.beginPath()
        for number, (x, y) in enumerate(points):
            (path.lineTo if number else path.moveTo)(x, self._up(y))
        return path

    def _words(self, words: Words) -> None:
        text, size = self._drawable(words.text), words.size * _WORDS_SCALE
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * stringWidth(text, FONT, size)
        self.canv.setFont(FONT, size)
        self.canv.setFillColor(HexColor(words.fill))
        self.canv.drawString(words.x - shift, self._up(words.y), text)

    def _up(self, y: float) -> float:
        return self._drawing.height - y
