"""The card above the curves: how a run stands, how far it is, and what it trains. Imports neither gradio nor torch."""

from collections.abc import Iterable
from html import escape

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs.config import FROM_FILE, TORCHVISION, TrainConfig
from resnet_demo.runs.events import Event
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.text import machine_load, started
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.runs.worker_files import Progress
from resnet_demo.text import duration, percent, rate
from resnet_demo.ui.html.changes import changes_text
from resnet_demo.ui.html.run_sentence import counted, run_sentence, sentences
from resnet_demo.ui.html.terms import explained

PAGE_TITLE = "ResNet-50, opened"
MARKS = {  # a word and a mark, never a colour alone
    "starting": "◔",
    "training": "●",
    "stalled": "△",
    "queued": "≡",
    "paused": "❚❚",
    "interrupted": "◌",
    "finished": "✓",
    "stopped": "■",
    "failed": "✕",
}


def status_html(snapshot: Snapshot | None, owner: bool = True, parent: str = "", busy: bool = False) -> str:
    """The card above the curves; `parent` is the name of the run that this one goes on from, `busy` says that another
    run trains. Before the first run: what will stand here, and how to make it appear."""
    if snapshot is None:
        begin = t("Press {start}, or take the tour.", start=f"<b>{t('Start training')}</b>")
        here = t(
            "Progress, speed and the curves of loss and accuracy will appear here, and stay when you close the page."
        )
        return (
            f'<div class="run-card" data-title="{t(PAGE_TITLE)}"><div class="run-head">'
            f'<span class="run-status">○ {t("no run yet")}</span></div>'
            f"<p>{sentences(begin if owner else t('No run has been started yet.'), here)}</p></div>"
        )
    done = share_done(snapshot)
    pairs = "".join(f"<div><dt>{explained(name)}</dt><dd>{value}</dd></div>" for name, value in facts(snapshot))
    told = escape(run_sentence(snapshot, owner, busy))
    warnings = snapshot.view.started.warnings if owner and snapshot.view.started else ()
    return (
        f'<div class="run-card" data-status="{snapshot.status}" data-title="{tab_title(snapshot)}" '
        f'data-run="{escape(snapshot.run.id)}" data-name="{escape(started(snapshot.run.id))}"><div class="run-head">'
        f'<span class="run-status">{MARKS[snapshot.status]} {t(snapshot.status)}</span>'
        f'<span class="run-title">{escape(run_title(snapshot))} '
        f"<small>{escape(recipe(snapshot.config, parent))}</small></span>"
        f'<span class="run-share">{"" if done is None else percent(done)}</span></div>{_bar(snapshot)}'
        f'<div class="run-now"><p aria-live="polite">{told}</p>'
        f'<span class="run-counted">{counted(snapshot)}</span>{_load(snapshot)}</div>'
        f'<dl class="run-facts">{pairs}</dl>{warnings_html(warnings)}</div>'
    )


def run_title(snapshot: Snapshot) -> str:
    """What is trained on what, after what a person has called it."""
    network = snapshot.config.network()
    what = t(
        "{network}, {stem} stem, on {data}",
        network=t(network.architecture.label),
        stem=network.stem,
        data=data_label(snapshot.config.data),
    )
    return t("{title}: {what}", title=snapshot.name, what=what) if snapshot.title else what


def recipe(config: TrainConfig, parent: str) -> str:
    """The preset, what the run has otherwise, and where its first weights are from."""
    preset, changed = t(PRESETS[config.preset].title), changes_text(config)
    recipe = t("Preset “{preset}, but {changes}”", preset=preset, changes=changed)
    return (recipe if changed else t("Preset “{preset}”", preset=preset)) + _origin(config, parent)


def _origin(config: TrainConfig, parent: str) -> str:
    """Where its first weights are from, unless they are random."""
    if parent:
        return t(", from the run “{name}”", name=parent)
    if config.start_from == TORCHVISION:
        return t(", from torchvision's weights")
    return t(", from a file's weights") if config.start_from == FROM_FILE else ""


def _bar(snapshot: Snapshot) -> str:
    """How much of the run is done, or of the download or the decoding before it."""
    done, label, progress = share_done(snapshot), t("share of the run that is done"), snapshot.progress
    if done is None and progress and progress.total:
        done, label = progress.done / progress.total, t("share of {phase} that is done", phase=t(progress.phase))
    width = f"{100 * (done or 0):.2f}"
    return (
        f'<div class="run-bar" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{width}"><div style="width:{width}%"></div></div>'
    )


def share_done(snapshot: Snapshot) -> float | None:
    """Of the whole run, 0..1; None where it is not known yet."""
    if snapshot.status == "finished":
        return 1.0
    total, place = snapshot.view.total_steps, _last_place(snapshot)
    return place.step / total if total and place else None


def _last_place(snapshot: Snapshot) -> Progress | Event | None:
    """The newest word on where the run is: a living worker's progress once it counts steps, else the log's end."""
    progress = snapshot.progress
    return progress if progress and progress.step else snapshot.view.last


def _load(snapshot: Snapshot) -> str:
    """What a living worker takes of the machine."""
    about = t("of the training process; 100 % is one processor core kept busy")
    return f'<span title="{about}">{machine_load(snapshot.progress)}</span>' if snapshot.progress else ""


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """(name, value) pairs for the status card."""
    view, place = snapshot.view, _last_place(snapshot)
    live = place if isinstance(place, Progress) else None
    step = f"{place.step if place else 0:,}"
    epochs = t("{done} of {total}", done=place.epoch if place else 0, total=snapshot.config.epochs)
    return [
        (t("epoch"), epochs),
        (t("step"), t("{done} of {total}", done=step, total=f"{view.total_steps:,}") if view.total_steps else step),
        (t("speed"), rate((live and live.images_per_s) or view.images_per_s)),
        (t("elapsed"), duration(place.elapsed_s if place else 0)),
        (t("epoch ends in"), duration(live.epoch_remaining_s if live else None)),
        (t("run ends in"), duration(live.remaining_s if live else None)),
        (t("test accuracy"), percent(view.test_accuracy)),
        (t("held out"), held_out_text(view)),
    ]


def held_out_text(view: RunView) -> str:
    """What anything is chosen by; where nothing is held out, it says so."""
    if view.started and not view.started.validation_images:
        return t("none held out")
    return percent(view.epochs[-1].validation_accuracy if view.epochs else None)


def warnings_html(warnings: Iterable[str]) -> str:
    """What the data lack, or what makes a figure flatter; '' where there is nothing to say."""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<ul class="run-warnings" aria-label="{t("About the data")}">{items}</ul>' if items else ""


def lost_html(snapshot: RunsSnapshot) -> str:
    """Above the card, where a run went away while it trained: its folder was deleted, or the run on request."""
    if snapshot.lost:
        told = t("The run of {start} is gone: its folder was deleted while it trained.", start=started(snapshot.lost))
        return f'<p class="run-lost">{escape(told)}</p>'
    if snapshot.discarded:
        told = t("The run of {start} was deleted.", start=started(snapshot.discarded))
        return f'<p class="hint">{escape(told)}</p>'
    return ""


def tab_title(snapshot: Snapshot) -> str:
    """What the browser shows of a page that is not in front: '34 % · ResNet-50, opened'."""
    if snapshot.status == RunStatus.STARTING:
        return _titled(t("starting"))
    if snapshot.status == RunStatus.TRAINING:
        done = share_done(snapshot)
        return _titled(t("starting") if done is None else f"{int(100 * done)} %")
    return _titled(t("done") if snapshot.status == "finished" else t(snapshot.status))


def _titled(word: str) -> str:
    return f"{word.capitalize()} · {t(PAGE_TITLE)}"
