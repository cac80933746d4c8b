"""A picture as data: shapes on a plane whose y goes down, as in SVG. Positions are floats, they are pixels; amounts never are."""

from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720.0
INK: Final = "#1b2430"
SOFT: Final = "#5b6675"
GRID: Final = "#d9dee5"
PAPER: Final = "#ffffff"
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
VERMILLION: Final = "#d55e00"
SKY: Final = "#a9d3ee"
"""Blue, orange and vermillion are told apart with every kind of colour vision, and by their darkness in print without colour
(Okabe and Ito, Color Universal Design, jfly.uni-koeln.de/color)."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """`title` is what a pointer over it tells."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    points: tuple[Point, ...]
    stroke: str
    width: float = 1.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    points: tuple[Point, ...]
    fill: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    fill: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """`anchor`: start, middle or end of the words is at x; y is their base line."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    size: float = 11.0
    fill: str = SOFT


Shape = Rect | Line | Area | Dot | Words


@dataclass(frozen=True, slots=True)
class Drawing:
    """`about` says in words what is to be seen, for those who do not see it; `table` names the figures."""

    title: str
    about: str
    height: float
    shapes: tuple[Shape, ...]
    table: str
    width: float = WIDTH
