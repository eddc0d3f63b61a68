"""Charts as trees of SVG elements: the template writes them out, the page's script builds them.

Pure. A tree is ``[tag, {attribute: value}, *children]``; a child is a tree or a text. Sizes are
units of the drawing's own box; colours are the style sheet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Tree = list[Any]

WIDTH = 360
ROW = 36
BAR = 10
LABEL_MOST = 34
COLUMNS = 110
BASE = 88
GAP = 1


@dataclass(frozen=True, slots=True)
class Point:
    """One value; ``text`` is how it is said, ``is_bad`` marks what nobody wishes for."""

    label: str
    value: float
    text: str
    is_bad: bool = False


def draw_bars(
    key: str, title: str, about: str, points: Sequence[Point], *, whole: float = 0
) -> Tree:
    """Draw a bar below each label, as long as its value; the longest, or ``whole``, is full."""
    most = whole or max((point.value for point in points), default=0) or 1
    rows = [_bar(number, point, most) for number, point in enumerate(points)]
    return _picture(key, title, about, max(len(points), 1) * ROW, rows)


def draw_columns(key: str, title: str, about: str, points: Sequence[Point]) -> Tree:
    """Draw a column for each value from left to right, with the first and the last label."""
    most = max((point.value for point in points), default=0)
    step = WIDTH / max(len(points), 1)
    columns = [_column(number, point, most, step) for number, point in enumerate(points)]
    frame: list[Tree] = [
        ["rect", {"class": "rk-axis", "x": "0", "y": str(BASE), "width": str(WIDTH), "height": "1"}]
    ]
    if points:
        frame += [
            _text("rk-label", 0, COLUMNS - 4, points[0].label),
            _text("rk-label rk-end", WIDTH, COLUMNS - 4, points[-1].label),
            _text("rk-label", 0, 10, f"{most:g}"),
        ]
    return _picture(key, title, about, COLUMNS, [*frame, *columns])


def draw_spark(points: Sequence[Point]) -> Tree:
    """Draw small columns that decorate a number; it is said in words beside them."""
    most = max((point.value for point in points), default=0)
    step = WIDTH / max(len(points), 1)
    columns = [_column(number, point, most, step) for number, point in enumerate(points)]
    attributes = {"class": "rk-spark", "aria-hidden": "true", "preserveAspectRatio": "none"}
    return ["svg", _box(BASE, attributes), *columns]


def as_markup(tree: Tree) -> SafeString:
    """Write a tree out."""
    tag, attributes, *children = tree
    return format_html(
        "<{}{}>{}</{}>",
        SafeString(tag),
        format_html_join("", ' {}="{}"', attributes.items()),
        format_html_join(
            "", "{}", ((as_markup(each) if isinstance(each, list) else each,) for each in children)
        ),
        SafeString(tag),
    )


def _picture(key: str, title: str, about: str, height: int, children: Sequence[Tree]) -> Tree:
    named = f"chart-{key}-title"
    described = f"chart-{key}-about"
    attributes = {
        "class": "rk-chart",
        "role": "img",
        "aria-labelledby": named,
        "aria-describedby": described,
    }
    return [
        "svg",
        _box(height, attributes),
        ["title", {"id": named}, title],
        ["desc", {"id": described}, about],
        *children,
    ]


def _box(height: int, attributes: dict[str, str]) -> dict[str, str]:
    return {"viewBox": f"0 0 {WIDTH} {height}", "focusable": "false", **attributes}


def _bar(number: int, point: Point, most: float) -> Tree:
    top = number * ROW
    # What is not nothing is seen, however small.
    length = min(max(point.value / most * WIDTH, 2), WIDTH) if point.value else 0
    track = {"x": "0", "y": str(top + 20), "width": str(WIDTH), "height": str(BAR), "rx": "3"}
    return [
        "g",
        {},
        _text("rk-label", 0, top + 14, _shortened(point.label)),
        _text("rk-value rk-end", WIDTH, top + 14, point.text),
        ["rect", {**track, "class": "rk-track"}],
        ["rect", {**track, "class": _tone(point), "width": f"{length:.1f}"}],
    ]


def _column(number: int, point: Point, most: float, step: float) -> Tree:
    room = BASE - 16
    height = max(point.value / most * room, 1.5) if point.value else 0
    return [
        "rect",
        {
            "class": _tone(point),
            "x": f"{number * step:.1f}",
            "y": f"{BASE - height:.1f}",
            "width": f"{step - GAP:.1f}",
            "height": f"{height:.1f}",
        },
        ["title", {}, f"{point.label}: {point.text}"],
    ]


def _tone(point: Point) -> str:
    return "rk-bar rk-bad" if point.is_bad else "rk-bar"


def _text(name: str, x: int, y: int, words: str) -> Tree:
    return ["text", {"class": name, "x": str(x), "y": str(y)}, words]


def _shortened(label: str) -> str:
    return label if len(label) <= LABEL_MOST else f"{label[: LABEL_MOST - 1]}…"
