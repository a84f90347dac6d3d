"""Live curves as SVG: solid train lines, dashed test lines with points, grey reference lines named at the line.

Why not gr.LinePlot: it can neither dash a series nor label a line, and its text is fixed in pixels. An SVG of a few
hundred points is made in a millisecond, follows the theme through CSS, and is replaced without a flicker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from resnet_demo.training import events
from resnet_demo.ui.present import article_reference, is_cifar10
from resnet_demo.ui.watch import Snapshot

WIDTH, HEIGHT = 400, 250  # the drawing's own units; CSS scales it to its column
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 12, 44
MAX_POINTS = 400


@dataclass(frozen=True)
class Series:
    """(x, y) points; `kind` is the CSS class: train (solid) or test (dashed, with points)."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """`low`..`high` in data units, and how a tick is written."""

    label: str
    low: float
    high: float
    percent: bool = False

    def ticks(self, at_most: int) -> list[float]:
        """Round values, evenly spaced."""
        span = self.high - self.low
        step = next(s for s in _STEPS if span / s <= at_most)
        first = -(-self.low // step) * step
        count = int((self.high - first) / step + 1e-9) + 1
        return [first + i * step for i in range(count)]

    def write(self, value: float) -> str:
        return f"{100 * value:.0f} %" if self.percent else f"{value:.4g}"


_STEPS = [m * 10.0**e for e in range(-3, 7) for m in (1, 2, 5)]


def thin(points: Sequence[tuple[float, float]], at_most: int = MAX_POINTS) -> list[tuple[float, float]]:
    """Means of neighbours where there are too many points; the last point stays what it is."""
    size = -(-len(points) // at_most)
    if size <= 1:
        return list(points)
    groups = [points[i : i + size] for i in range(0, len(points) - 1, size)]
    means = [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
    return [*means[:-1], points[-1]] if len(means) >= at_most else [*means, points[-1]]


def chart(title: str, x: Axis, y: Axis, series: Sequence[Series], reference: tuple[float, str] | None = None) -> str:
    """One plot with its legend, as an HTML string."""

    def place(px: float, py: float) -> tuple[float, float]:
        across = (px - x.low) / (x.high - x.low)
        up = (min(max(py, y.low), y.high) - y.low) / (y.high - y.low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [*_grid(x, y, place)]
    if reference:
        parts += _reference(reference, x, place)
    for one in series:
        parts += _curve(one, x, y, place)
    if not any(one.points for one in series):
        parts.append(f'<text class="empty" x="{WIDTH / 2}" y="{HEIGHT / 2}">drawn from the first steps on</text>')
    legend = "".join(f'<span class="{one.kind}"><i></i>{escape(one.name)}</span>' for one in series)
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b>{legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_spoken(title, series, y))}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _grid(x: Axis, y: Axis, place) -> list[str]:
    parts = []
    for tick in y.ticks(6):
        left, up = place(x.low, tick)
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>')
        parts.append(f'<text class="tick y" x="{left - 6:.1f}" y="{up + 5:.1f}">{y.write(tick)}</text>')
    for tick in x.ticks(8):
        across, floor = place(tick, y.low)
        parts.append(f'<text class="tick x" x="{across:.1f}" y="{floor + 18:.1f}">{x.write(tick)}</text>')
    left, floor = place(x.low, y.low)
    parts.append(f'<line class="axis" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{floor:.1f}" y2="{floor:.1f}"/>')
    parts.append(f'<text class="label" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}">{escape(x.label)}</text>')
    return parts


def _reference(reference: tuple[float, str], x: Axis, place) -> list[str]:
    value, text = reference
    left, up = place(x.low, value)
    return [
        f'<line class="reference" x1="{left:.1f}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>',
        f'<text class="reference-name" x="{left + 6:.1f}" y="{up - 5:.1f}">{escape(text)}</text>',
    ]


def _curve(series: Series, x: Axis, y: Axis, place) -> list[str]:
    if not series.points:
        return []
    placed = [place(*point) for point in series.points]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in placed)
    parts = [f'<polyline class="curve {series.kind}" points="{path}"/>']
    if series.kind == "test" or len(placed) == 1:
        parts += [
            f'<circle class="point {series.kind}" cx="{px:.1f}" cy="{py:.1f}" r="3.5">'
            f"<title>{escape(series.name)}: {y.write(value)} at {x.label} {at:.4g}</title></circle>"
            for (px, py), (at, value) in zip(placed, series.points, strict=True)
        ]
    return parts


def _spoken(title: str, series: Sequence[Series], y: Axis) -> str:
    """The plot in a sentence, for who cannot see it."""
    last = [f"{one.name} last at {y.write(one.points[-1][1])}" for one in series if one.points]
    return f"{title}: {', '.join(last) or 'nothing drawn yet'}"


# --- the two plots of a run -----------------------------------------------------------------------------------


def run_charts(snapshot: Snapshot | None) -> tuple[str, str]:
    """Loss and accuracy of one run over its epochs; empty axes before the first run."""
    view = snapshot.view if snapshot else events.RunView()
    epochs = snapshot.config.epochs if snapshot else 1
    steps = view.started.steps_per_epoch if view.started else 1
    x = Axis("epoch", 0, epochs)
    train_loss = Series("train", "train", thin([(m.step / steps, m.train_loss) for m in view.metrics]))
    test_loss = Series("test", "test", thin([(e.epoch, e.test_loss) for e in view.epochs]))
    train = Series("train", "train", thin([(m.step / steps, m.train_accuracy) for m in view.metrics]))
    test = Series("test", "test", thin([(e.epoch, e.test_accuracy) for e in view.epochs]))
    highest = max((value for _, value in [*train_loss.points, *test_loss.points]), default=2.5)
    ceiling = next(limit for limit in (1, 1.5, 2, 2.5, 3, 4, 5, 10, 1e2, 1e3, float("inf")) if highest <= limit)
    loss_axis = Axis("loss", 0, min(ceiling, 1e6))
    reference = article_reference() if is_cifar10(view) else None
    return (
        chart("Loss (cross-entropy)", x, loss_axis, [train_loss, test_loss]),
        chart("Accuracy", x, Axis("accuracy", 0, 1, percent=True), [train, test], reference),
    )
