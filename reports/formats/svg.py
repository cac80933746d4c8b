"""A picture as SVG: every word and title escaped, nothing that runs or loads."""

from markupsafe import Markup

from reports.charts.drawing import Area, Dot, Drawing, Line, Point, Rect, Shape, Words


def as_svg(drawing: Drawing) -> Markup:
    """The element, with its description for those who hear the page."""
    shapes = Markup("").join(_shape(shape) for shape in drawing.shapes)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _number(drawing.width), _number(drawing.height), drawing.about, shapes
    )


def _shape(shape: Shape) -> Markup:
    match shape:
        case Rect():
            title = Markup("<title>{}</title>").format(shape.title) if shape.title else ""
            return Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}">{}</rect>').format(
                *map(_number, (shape.x, shape.y, shape.width, shape.height)), shape.fill, title
            )
        case Line():
            dash = Markup(' stroke-dasharray="{}"').format(" ".join(map(_number, shape.dash))) if shape.dash else ""
            return Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"{}/>').format(
                _points(shape.points), shape.stroke, _number(shape.width), dash
            )
        case Area():
            return Markup('<polygon points="{}" fill="{}"/>').format(_points(shape.points), shape.fill)
        case Dot():
            return Markup('<circle cx="{}" cy="{}" r="{}" fill="{}"/>').format(
                *map(_number, (shape.x, shape.y, shape.radius)), shape.fill
            )
        case Words():
            return Markup('<text x="{}" y="{}" text-anchor="{}" font-size="{}" fill="{}">{}</text>').format(
                _number(shape.x), _number(shape.y), shape.anchor, _number(shape.size), shape.fill, shape.text
            )


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
