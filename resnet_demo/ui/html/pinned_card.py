"""The pinned image on the page, and how the prediction for it came about: pure functions from plain data to
HTML. Imports neither gradio nor torch."""

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import groupby

from PIL import Image

from resnet_demo.language import t
from resnet_demo.runs import events
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.text import listed
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import Point, Series, line_chart
from resnet_demo.ui.html.curves import Along, ChartChoice
from resnet_demo.ui.images import data_url

COLOURED = 5  # curves with a colour and a name; more cannot be told apart
FAINT = 10  # and those behind them that came closest

WHAT_IT_IS = "Follow the prediction for it while the network learns."


@dataclass(frozen=True)
class Answer:
    """The classes by their probability (0..1), the likeliest first, where the run was."""

    at: events.PredictionLogged
    ranked: tuple[tuple[str, float], ...]

    @property
    def top(self) -> str:
        return self.ranked[0][0]


def answers_of(snapshot: Snapshot | None) -> list[Answer]:
    """What the network made of the image that is pinned now, from the first answer on."""
    if snapshot is None or snapshot.pinned is None or snapshot.view.started is None:
        return []
    classes, wanted = snapshot.view.started.classes, snapshot.pinned.id
    seen = [s for s in snapshot.view.predictions if s.image == wanted and len(s.probabilities) == len(classes)]
    return [
        Answer(s, tuple(sorted(zip(classes, s.probabilities, strict=True), key=lambda pair: -pair[1]))) for s in seen
    ]


# --- the image and the words --------------------------------------------------------------------------------


def pinned_html(snapshot: Snapshot | None, owner: bool = True) -> str:
    """The image, what the network says of it now, and how it came to that."""
    if snapshot is None or snapshot.pinned is None:
        return _empty(owner)
    remove = (
        f'<button class="pinned-remove" data-unpin>{t("Remove the image")}</button>'
        if owner and not snapshot.run.is_shipped
        else ""
    )
    image = snapshot.pinned.image
    if image is None:
        again = t("Its file in the run cannot be read. Pin it again.")
        words = _words(t("The image is damaged"), again if owner else t("Its file in the run cannot be read."))
        return _card(_blank(), words + remove)
    answers = answers_of(snapshot)
    words = _opinion(snapshot, answers) if answers else _words(t("Not asked yet"), _not_asked(snapshot))
    return _card(_shown(image), words + remove)


def _empty(owner: bool) -> str:
    if not owner:
        seen = t("Where its owner pins one to a run, one sees here how the network comes to its prediction.")
        return _card(_blank(), _words(t("No image is pinned"), seen))
    drop = t("Drop one below, before a run or during it.")
    return _card(_blank(), _words(t("Pin an image"), t(WHAT_IT_IS), drop))


def _not_asked(snapshot: Snapshot) -> str:
    match snapshot.status:
        case "starting" | "training" | "stalled":
            return t("The network is asked from its next step on.")
        case "finished" | "stopped":
            return t("The run ended before the network was asked.")
        case _:
            return t("The network is asked when the run goes on.")


def _opinion(snapshot: Snapshot, answers: list[Answer]) -> str:
    last = answers[-1]
    when = {"training": t("Now"), "finished": t("In the end"), "stopped": t("In the end")}
    top = t(
        "{when}: {name}, {share}",
        when=when.get(snapshot.status, t("So far")),
        name=f"<b>{escape(last.top)}</b>",
        share=whole_percent(last.ranked[0][1]),
    )
    others = listed(
        t("{name} with {share}", name=escape(name), share=whole_percent(share)) for name, share in last.ranked[1:3]
    )
    started = snapshot.view.started
    story = _story(answers, started.steps_per_epoch if started else 1)
    return f'<p class="pinned-title">{top}</p><p>{t("Then {others}.", others=others)}</p><p>{story}</p>'


def _story(answers: list[Answer], steps_per_epoch: int) -> str:
    """How it came to its present opinion."""
    turns = [next(group) for _, group in groupby(answers, key=lambda answer: answer.top)]
    if len(turns) == 1:
        return t("The prediction has been the same from the first answer on.")
    last = {"epoch": f"{turns[-1].at.step / steps_per_epoch:.1f}", "before": escape(turns[-2].top)}
    if len(turns) == 2:
        return t("The prediction changed once, last at epoch {epoch}; before that it was {before}.", **last)
    return t(
        "The prediction changed {count} times, last at epoch {epoch}; before that it was {before}.",
        count=len(turns) - 1,
        **last,
    )


def whole_percent(share: float) -> str:
    """0.713 -> '71 %', never broken between lines; what is not quite certain is not called 100."""
    return f"{t('over 99') if 0.995 <= share < 0.9999 else f'{100 * share:.0f}'}\u00a0%"


def _words(title: str, *sentences: str) -> str:
    return f'<p class="pinned-title">{title}</p>' + "".join(f"<p>{sentence}</p>" for sentence in sentences)


def _card(image: str, words: str) -> str:
    return f'<div class="pinned-card">{image}<div class="pinned-words">{words}</div></div>'


def _blank() -> str:
    return '<div class="pinned-image"></div>'


def _shown(image: Image.Image) -> str:
    return f'<img class="pinned-image" src="{data_url(image)}" alt="{t("The pinned image, at 32 by 32 pixels")}">'


def drop_label(training: bool) -> str:
    """What will become of an image that is dropped."""
    return t("For the run shown, which is training") if training else t("For the next run you start or resume")


# --- the curves -----------------------------------------------------------------------------------------------


def probability_chart(snapshot: Snapshot | None, choice: ChartChoice | None = None) -> str:
    """The probability of each class over the run: those that were ever the likeliest in colour and named, the others
    faint behind them."""
    answers, choice = answers_of(snapshot), choice or ChartChoice()
    view = snapshot.view if snapshot else RunView()
    along = Along.run(view, snapshot.config.epochs if snapshot else 1, choice.by)
    named = _most_often_on_top(answers)
    curves: dict[str, list[Point]] = {name: [] for name, _ in answers[0].ranked} if answers else {}
    for answer in answers:
        for name, share in answer.ranked:
            curves[name].append((along.of(answer.at), share))
    rest = sorted(curves.keys() - set(named), key=lambda name: -max(share for _, share in curves[name]))[:FAINT]
    series = [Series("", "faint", curves[name]) for name in rest]
    series += [
        Series(name, f"class-{place}{' now' if name == answers[-1].top else ''}", curves[name], labelled=True)
        for place, name in enumerate(named, 1)
    ]
    return line_chart(
        t("Predicted class over training"),
        choice.across(_so_far(along, answers)),
        Axis.share("probability"),
        series,
        empty=t("its answers, one by one"),
    )


def _so_far(along: Along, answers: list[Answer]) -> Axis:
    """An axis that grows with the run: minds change most in its first minutes, which on the whole planned run would
    be too narrow to see."""
    reached = along.of(answers[-1].at) if answers else 0.0
    if reached <= 0:
        return along.axis()
    return Axis.time(reached) if along.by == "time" else Axis.up_to(along.by, reached)


def _most_often_on_top(answers: list[Answer]) -> list[str]:
    """At most COLOURED names, the present one among them, in the order in which they first came: so a class keeps
    its colour as the run goes on."""
    times = Counter(answer.top for answer in answers)
    if answers:
        times[answers[-1].top] = len(answers)
    kept = {name for name, _ in times.most_common(COLOURED)}
    return [name for name in times if name in kept]
