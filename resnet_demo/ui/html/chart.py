"""Curves as SVG: series in, a drawing out. Solid or dashed lines, points, grey reference lines named at the line.

Why not gr.LinePlot: it can neither dash a series nor label a line, and its text is fixed in pixels. An SVG of a few
hundred points is made in a millisecond, follows the theme through CSS, and is replaced without a flicker.

The curves lie in an SVG of their own inside the drawing, whose user units are those of the data (y negated, since SVG
counts downwards). So their points are the numbers themselves, to four digits: `ui/curves.js` reads them out under the
pointer, and to zoom is to set another viewBox.
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from resnet_demo.language import t
from resnet_demo.text import listed
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.terms import explained

WIDTH, HEIGHT = 400, 250  # the drawing's own units; CSS scales it to its column
LEFT, RIGHT, TOP, BOTTOM = 54, 22, 12, 44
MAX_POINTS = 300
MAX_SMOOTHING = 0.9
MARK_HEIGHT = 14
LETTER, LINE = 7.5, 15.0  # about what a letter of a label takes across, and its line down

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named curve of (x, y) points in data units. `kind` is its CSS class, which says colour and dashes; `dotted`
    marks its points; `noisy` is measured on few images at a time, so that smoothing helps to see where it goes, and
    `is_smoothed` says that it was; `mark` is a letter that stands where the curve ends; `labelled` writes its name at
    its highest point instead of in the legend."""

    name: str
    kind: str
    points: Sequence[Point]
    dotted: bool = False
    noisy: bool = False
    mark: str = ""
    labelled: bool = False
    is_smoothed: bool = False

    @property
    def spoken_name(self) -> str:
        """What is said of a point of it; the legend has the bare name."""
        if not self.is_smoothed:
            return self.name
        return t("{name}, smoothed", name=self.name) if self.name else t("smoothed")


def thin(points: Sequence[Point], at_most: int = MAX_POINTS) -> list[Point]:
    """Means of neighbours where there are too many points; the last point stays what it is."""
    size = _group_size(points, at_most)
    if size <= 1:
        return list(points)
    groups = [points[i : i + size] for i in range(0, len(points) - 1, size)]
    means = [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
    return [*means[:-1], points[-1]] if len(means) >= at_most else [*means, points[-1]]


def _group_size(points: Sequence[Point], at_most: int) -> int:
    return -(-len(points) // at_most)


def smooth(points: Sequence[Point], weight: float) -> list[Point]:
    """Exponential moving average of y, `weight` (0..1) of it from the past. Divided by the weight that the past has
    by then, as TensorBoard does: else the curve would start out at zero."""
    mean, seen, smoothed = 0.0, 0.0, []
    for x, y in points:
        mean = weight * mean + (1 - weight) * y
        seen = weight * seen + (1 - weight)
        smoothed.append((x, mean / seen))
    return smoothed


def line_chart(
    title: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    *,
    smoothing: float = 0.0,
    reference: tuple[float, str] | None = None,
    empty: str = "",
    height: int = HEIGHT,
    legend: bool = True,
    at_most: int = MAX_POINTS,
) -> str:
    """One plot with its legend, as an HTML string. With `smoothing` (0..0.9) a noisy series is drawn smoothed, its
    measured points faint behind it. `reference` is a value of y and what is written at its line. Of more than about
    `at_most` points of a series, means of neighbours are drawn. `empty` is said where there are none."""

    def place(px: float, py: float) -> Point:
        across = (px - x.low) / (x.high - x.low)
        up = (y.up(min(max(py, y.low), y.high)) - y.up(y.low)) / (y.up(y.high) - y.up(y.low))
        return LEFT + across * (WIDTH - LEFT - RIGHT), height - BOTTOM - up * (height - TOP - BOTTOM)

    parts = [*_grid(x, y, height, place)]
    if reference:
        parts += _reference(reference, x, place)
    shown = [_cut(part, x, y) for one in series for part in _smoothed(one, smoothing)]
    parts.append(_plot(x, y, height, shown, at_most))
    inside = [replace(one, points=[at for at in one.points if x.low <= at[0] <= x.high]) for one in shown]
    parts += _marks(inside, place)
    parts += _labels([one for one in inside if one.labelled and one.points], place, at_most)
    if not any(one.points for one in series):
        parts.append(f'<text class="empty" x="{WIDTH / 2}" y="{height / 2}">{escape(empty or _nothing_yet())}</text>')
    named = [one for one in series if one.name and legend and not one.labelled]
    key = "".join(f"{legend_button(one.name, one.kind)}<i></i>{escape(one.name)}</button>" for one in named)
    offers = t("{title}: size and files", title=title)
    more = f'<button type="button" class="chart-more" aria-label="{escape(offers)}">⋯</button>'
    return (
        f'<figure class="chart"><figcaption><b>{explained(title)}</b>{key}{more}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" tabindex="0" aria-label="{escape(_spoken(title, series, y))}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _nothing_yet() -> str:
    return t("drawn from the first steps on")


def legend_button(series: str, kind: str = "") -> str:
    """The opening tag of what takes a series off and on (`ui/curves.js`)."""
    return f'<button type="button" class="{kind}" data-series="{escape(series)}" aria-pressed="true">'


def _grid(x: Axis, y: Axis, height: int, place) -> list[str]:
    parts = []
    for tick in y.ticks(max(2, (height - TOP - BOTTOM) // 32)):
        left, up = place(x.low, tick)
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>')
        parts.append(f'<text class="tick y" x="{left - 6:.1f}" y="{up + 5:.1f}">{y.write(tick)}</text>')
    for tick in x.ticks(8 if x.high < 1000 * x.unit else 5):  # longer numbers need more room
        across, floor = place(tick, y.low)
        parts.append(f'<text class="tick x" x="{across:.1f}" y="{floor + 18:.1f}">{x.write(tick)}</text>')
    left, floor = place(x.low, y.low)
    parts.append(f'<line class="axis" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{floor:.1f}" y2="{floor:.1f}"/>')
    label = f'<text class="label" data-axis="{escape(x.label)}" x="{WIDTH - RIGHT}" y="{height - 6}">'
    parts.append(f"{label}{escape(t(x.label))}</text>")
    return parts


def _reference(reference: tuple[float, str], x: Axis, place) -> list[str]:
    value, text = reference
    left, up = place(x.low, value)
    return [
        f'<line class="reference" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>',
        f'<text class="reference-name" x="{left + 6:.1f}" y="{up - 5:.1f}">{escape(text)}</text>',
    ]


def _smoothed(series: Series, smoothing: float) -> list[Series]:
    """What is drawn of it: where it is smoothed, what was measured lies faint behind it."""
    if not smoothing or not series.noisy:
        return [series]
    raw = replace(series, kind=f"{series.kind} raw", dotted=False, mark="", labelled=False)
    return [raw, replace(series, is_smoothed=True, points=smooth(series.points, smoothing))]


def _cut(series: Series, x: Axis, y: Axis) -> Series:
    """The points that the axes span, with a neighbour on each side for the lines that lead there. A logarithmic axis
    has no place for 0."""
    points = [point for point in series.points if point[1] > 0] if y.log else series.points
    first = bisect_left(points, x.low, key=lambda point: point[0])
    last = bisect_right(points, x.high, key=lambda point: point[0])
    return replace(series, points=points[max(0, first - 1) : last + 1])


def _plot(x: Axis, y: Axis, height: int, series: Sequence[Series], at_most: int) -> str:
    """The curves, in units of the data, on a logarithmic axis of their logarithms. Points at the plot's edge are seen
    whole, those beyond it not at all."""
    write = _PointWriter(x, y, at_most)
    parts = [part for one in series for part in write.curve(one)]
    inside = all(x.low <= px <= x.high and y.low <= py <= y.high for one in series for px, py in one.points)
    top, bottom = y.up(y.high), y.up(y.low)
    log = ' data-log=""' if y.log else ""
    return (
        f'<svg class="plot" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{height - TOP - BOTTOM}" '
        f'viewBox="{x.low:.10g} {-top:.10g} {x.high - x.low:.10g} {top - bottom:.10g}" preserveAspectRatio="none" '
        f'overflow="{"visible" if inside else "hidden"}" data-units="{x.unit:g} {y.unit:g}{escape(y.suffix)}"'
        f"{log}>{''.join(parts)}</svg>"
    )


class _PointWriter:
    """Points as SVG: x to a tenth of what lies between two of MAX_POINTS, y to four digits, a logarithm to more, so
    that its value has them; means where there are too many."""

    def __init__(self, x: Axis, y: Axis, at_most: int) -> None:
        self._decimals = max(0, math.ceil(math.log10(10 * MAX_POINTS / (x.high - x.low))))
        self._y, self._at_most = y, at_most

    def curve(self, series: Series) -> list[str]:
        """The line, and dots where the series has them. `data-mean` says of how many points each one that is drawn is
        the mean; the last is always itself. `data-of` names the series where `data-name` says more."""
        if not series.points:
            return []
        shown = list(map(self._at, thin(series.points, self._at_most)))
        size = _group_size(series.points, self._at_most)
        mean = f' data-mean="{size}"' if size > 1 else ""
        of = f' data-of="{escape(series.name)}"' if series.is_smoothed else ""
        name = f'data-name="{escape(series.spoken_name)}"{of}{mean}'
        parts = [f'<polyline class="curve {series.kind}" {name} points="{" ".join(shown)}"/>']
        if series.dotted or len(shown) == 1:
            parts.append(f'<path class="point {series.kind}" d="{"".join(f"M{at}h0" for at in shown)}"/>')
        return parts

    def _at(self, point: Point) -> str:
        """Without the zero before a decimal point, which is a tenth of a plot's bytes."""
        x, value = f"{round(point[0], self._decimals):.10g}", -self._y.up(point[1])
        y = f"{round(value, 6):.10g}" if self._y.log else f"{value:.4g}"
        return ",".join(re.sub(r"^(-?)0\.", r"\1.", number) for number in (x, y))


def _marks(series: Sequence[Series], place) -> list[str]:
    """The letters at the curves' ends, moved down where one would stand on another."""
    ends = sorted(((*place(*one.points[-1]), one) for one in series if one.mark and one.points), key=lambda e: e[1])
    parts: list[str] = []
    taken: list[tuple[float, float]] = []
    for across, up, one in ends:
        up = max([up, *(other + MARK_HEIGHT for near, other in taken if abs(near - across) < MARK_HEIGHT)])
        taken.append((across, up))
        parts.append(f'<text class="mark {one.kind}" x="{across + 7:.1f}" y="{up + 5:.1f}">{escape(one.mark)}</text>')
    return parts


def _labels(series: Sequence[Series], place, at_most: int) -> list[str]:
    """Each name over its curve's highest point, moved up, or where there is no room down, until it is free."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for one in series:
        half = LETTER * len(one.name) / 2
        across, peak = min((place(*point) for point in thin(one.points, at_most)), key=lambda at: at[1])
        across = min(max(across, LEFT + half), WIDTH - RIGHT - half)
        first = max(peak - 6, TOP)
        rows = [
            *(first - i * LINE for i in range(int((first - TOP) / LINE) + 1)),
            *(first + i * LINE for i in range(99)),
        ]
        up = next(y for y in rows if not any(abs(across - x) < half + h and abs(y - at) < LINE for x, at, h in taken))
        taken.append((across, up, half))
        parts.append(f'<text class="name {one.kind}" x="{across:.1f}" y="{up:.1f}">{escape(one.name)}</text>')
    return parts


def _spoken(title: str, series: Sequence[Series], y: Axis) -> str:
    """The plot in a sentence, for who cannot see it."""
    drawn = [one for one in series if one.points]
    told = drawn if len(drawn) == 1 else [one for one in drawn if one.name]  # of many, the nameless are a background
    last = listed(_last_of(one, y.write(one.points[-1][1])) for one in told)
    return t("{title}: {what}", title=title, what=last or t("nothing drawn yet"))


def _last_of(series: Series, value: str) -> str:
    return (
        t("{name} last at {value}", name=series.name, value=value) if series.name else t("last at {value}", value=value)
    )
