"""What a page shows of a run: pure functions from plain data to HTML. Imports neither gradio nor torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs import events
from resnet_demo.runs.config import FROM_FILE, PARENT, TORCHVISION, TrainConfig, changes_of
from resnet_demo.runs.directory import DISCARD, PAUSE, STOP, Progress
from resnet_demo.runs.exit_reason import exit_words
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.text import PHASES, amount, event_line, label_of, machine_load, started, written
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot
from resnet_demo.text import duration, listed, percent, rate
from resnet_demo.ui.html.changes import changes_text

CURVES_HINT = (
    "**Loss** is how wrong and how unsure the answers are; **accuracy** is the share that is right. Train is measured "
    "while the weights move, on shifted and mirrored images and with label smoothing; test on images never trained "
    "on, with averaged weights. So test may well look better.\n\n"
    "Point at a curve to read it, or use the arrow keys. Drag to zoom in, double-click to zoom out."
)

MORE_CURVES_HINT = (
    "The **learning rate** is the size of a step; the dashed line is what is planned for the whole run.\n\n"
    "The **gradient norm** is how strongly the loss pulls at the weights. A sudden leap often means that the learning "
    "rate is too high.\n\n"
    "**Smoothing** draws the running mean of what jumps from step to step, here and in the two curves above; what was "
    "measured stays faint behind it. **Time** is that of work, without pauses."
)

PAGE_TITLE = "ResNet-50, opened"
MARKS = {  # a word and a mark, never a colour alone
    "starting": "◔",
    "training": "●",
    "stalled": "△",
    "paused": "❚❚",
    "interrupted": "◌",
    "finished": "✓",
    "stopped": "■",
    "failed": "✕",
}


# --- the status of one run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Controls:
    """Which buttons can be pressed."""

    start: bool
    pause: bool
    resume: bool
    stop: bool
    discard: bool


def controls(snapshot: RunsSnapshot, shown: Snapshot | None, owner: bool) -> Controls:
    """Nothing for a visitor without the owner's token; Start and Resume only while nothing trains; the others act on
    the run that is shown, where it is not another's."""
    if not owner:
        return Controls(False, False, False, False, False)
    if shown is not None and not snapshot.is_own(shown):
        shown = None
    live = shown is not None and shown.status.is_live
    waiting = shown is not None and shown.can_resume
    return Controls(
        start=not snapshot.training,
        pause=live,
        resume=waiting and not snapshot.training,
        stop=live,
        discard=live or waiting or (shown is not None and shown.status == RunStatus.FAILED),
    )


def share_done(snapshot: Snapshot) -> float | None:
    """Of the whole run, 0..1; None where it is not known yet."""
    if snapshot.status == "finished":
        return 1.0
    total, place = snapshot.view.total_steps, _last_place(snapshot)
    return place.step / total if total and place else None


def _last_place(snapshot: Snapshot) -> Progress | events.Event | None:
    """The newest word on where the run is: a living worker's progress once it counts steps, else the log's end."""
    progress = snapshot.progress
    return progress if progress and progress.step else snapshot.view.last


def sentence(snapshot: Snapshot, owner: bool = True, busy: bool = False) -> str:
    """What is happening, or what happened and what to do next; `busy` says that another run trains. A visitor is told
    neither of the server's folders nor what its processes say."""
    view = snapshot.view
    match snapshot.status:
        case "starting" | "training":
            return _now(snapshot)
        case "stalled":
            return _stalled(snapshot, owner)
        case "paused":
            if not view.saved:
                return _sentences(t("At rest, before anything was saved."), _how_to_go_on(snapshot, owner, busy))
            return _sentences(t("Saved and at rest."), _how_to_go_on(snapshot, owner, busy))
        case "interrupted":
            return _sentences(*_end(snapshot, owner), _how_to_go_on(snapshot, owner, busy))
        case "finished" if snapshot.run.is_shipped:
            return t(
                "This run came with resnet_demo. Test accuracy {accuracy}. Ask it about an image in Classify, or start "
                "your own.",
                accuracy=percent(view.test_accuracy),
            )
        case "finished":
            reached = t(
                "Test accuracy {accuracy}. Drop an image into Classify to ask it something.",
                accuracy=percent(view.test_accuracy),
            )
            return _sentences(*filter(None, [_message(view)]), reached)  # it has a message where it stopped early
        case "failed" if not owner:
            return t("The training failed; its owner is told why.")
        case "stopped" if snapshot.is_kept:
            return _sentences(_message(view), _how_to_go_on(snapshot, owner, busy))
        case _:
            return _message(view)


def _sentences(*sentences: str) -> str:
    """One after the other, as a language sets them."""
    return t(" ").join(sentences)


def _message(view: RunView) -> str:
    return t(view.ended.message) if view.ended else ""


def _end(snapshot: Snapshot, owner: bool) -> tuple[str, ...]:
    """How the process ended that has left no ending itself."""
    exit, said = snapshot.exit, snapshot.exit_reason if owner else ""
    if exit is None:
        ended = t("The training process is gone.")
    elif exit.began:
        ended = t("The training process ended {how}.", how=exit_words(exit.code))
    else:
        ended = t("The training process ended {how} before it began.", how=exit_words(exit.code))
    return (ended, t("Last log line: “{line}”.", line=said)) if said else (ended,)


def _stalled(snapshot: Snapshot, owner: bool) -> str:
    quiet = t("No word from the training process for {time}.", time=duration(snapshot.quiet_s))
    if not owner:
        return quiet
    step = f"{snapshot.view.saved.step if snapshot.view.saved else 0:,}"
    if not snapshot.progress or not snapshot.progress.process_id:
        end = t(
            "It may be suspended, or wait for a disk. If it does not go on, end the process; Resume then goes on from "
            "step {step}.",
            step=step,
        )
    else:
        end = t(
            "It may be suspended, or wait for a disk. If it does not go on, end the process (number {process}); Resume "
            "then goes on from step {step}.",
            process=snapshot.progress.process_id,
            step=step,
        )
    return _sentences(quiet, end)


def _how_to_go_on(snapshot: Snapshot, owner: bool, busy: bool) -> str:
    """No word of a button that cannot be pressed now."""
    place = _place_to_go_on(snapshot)
    if not owner:
        return t("Its owner can let it go on from {place}.", place=place)
    if busy:
        return t("Another run is training; once that has ended or is paused, Resume goes on from {place}.", place=place)
    return t("Press Resume to go on from {place}.", place=place)


def _place_to_go_on(snapshot: Snapshot) -> str:
    saved = snapshot.view.saved
    if snapshot.status == RunStatus.INTERRUPTED and saved:
        return t("its last saved point, step {step}", step=f"{saved.step:,}")
    if snapshot.status in (RunStatus.INTERRUPTED, RunStatus.PAUSED) and not saved:
        return t("the beginning")
    return t("the very step")


def _now(snapshot: Snapshot) -> str:
    if snapshot.wanted == PAUSE:
        return t("Pausing: ends as soon as the step under way is done and saved…")
    if snapshot.wanted == STOP:
        return t("Finishing: ends as soon as the step under way is done and saved…")
    if snapshot.wanted == DISCARD:
        return t("Deleting: ends as soon as the step under way is done, and is deleted…")
    progress = snapshot.progress
    if progress is None and not snapshot.alive:
        return t("Starting: waiting for the training process…")
    phase = t(PHASES.get(progress.phase, progress.phase) if progress else PHASES["starting"])
    counted = amount(progress) if progress and progress.phase in ("downloading", "decoding") else ""
    return t("{phase}: {amount}…", phase=phase, amount=counted) if counted else t("{phase}…", phase=phase)


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


def announcement(snapshot: Snapshot, owner: bool) -> str:
    """What a person on another tab of the page is told of a run that has ended."""
    return escape(
        t(
            "{network} on {data}: {status}. {sentence}",
            network=snapshot.config.arch,
            data=data_label(snapshot.config.data),
            status=t(snapshot.status),
            sentence=sentence(snapshot, owner),
        )
    )


def lost_html(snapshot: RunsSnapshot) -> str:
    """Above the card, where a run went away while it trained: its folder was deleted, or the run on request."""
    if snapshot.lost:
        told = t("The run of {start} is gone: its folder was deleted while it trained.", start=started(snapshot.lost))
        return f'<p class="run-lost">{escape(told)}</p>'
    if snapshot.discarded:
        told = t("The run of {start} was deleted.", start=started(snapshot.discarded))
        return f'<p class="hint">{escape(told)}</p>'
    return ""


def visitor_html(owner: bool) -> str:
    """Above the card, for who may only look."""
    told = t("You are looking on: to start and stop runs, open this page by the owner's link, which the app printed.")
    return "" if owner else f'<p class="hint">{told}</p>'


def status_html(snapshot: Snapshot | None, owner: bool = True, parent: str = "", busy: bool = False) -> str:
    """The card above the curves; `parent` is the name of the run that this one goes on from, `busy` says that another
    run trains. Before the first run: what will stand here, and how to make it appear."""
    if snapshot is None:
        begin = t("Press {start}, or take the tour.", start=f"<b>{t('Start training')}</b>")
        here = t(
            "Progress, speed and the curves of loss and accuracy will stand here, and stay when you close the page."
        )
        return (
            f'<div class="run-card" data-title="{t(PAGE_TITLE)}"><div class="run-head">'
            f'<span class="run-status">○ {t("no run yet")}</span></div>'
            f"<p>{_sentences(begin if owner else t('No run has been started yet.'), here)}</p></div>"
        )
    done = share_done(snapshot)
    pairs = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts(snapshot))
    told = escape(sentence(snapshot, owner, busy))
    warnings = snapshot.view.started.warnings if owner and snapshot.view.started else ()
    return (
        f'<div class="run-card" data-status="{snapshot.status}" data-title="{tab_title(snapshot)}" '
        f'data-run="{escape(snapshot.run.id)}" data-name="{escape(started(snapshot.run.id))}"><div class="run-head">'
        f'<span class="run-status">{MARKS[snapshot.status]} {t(snapshot.status)}</span>'
        f'<span class="run-title">{escape(_title(snapshot))} <small>{escape(_recipe(snapshot.config, parent))}</small>'
        "</span>"
        f'<span class="run-share">{"" if done is None else percent(done)}</span></div>{_bar(snapshot)}'
        f'<div class="run-now"><p aria-live="polite">{told}</p>{_load(snapshot)}</div>'
        f'<dl class="run-facts">{pairs}</dl>{warnings_html(warnings)}</div>'
    )


def warnings_html(warnings: Iterable[str]) -> str:
    """What the data lack, or what makes a figure flatter; '' where there is nothing to say."""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<ul class="run-warnings" aria-label="{t("About the data")}">{items}</ul>' if items else ""


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


def _load(snapshot: Snapshot) -> str:
    """What a living worker takes of the machine."""
    about = t("of the training process; 100 % is one processor core kept busy")
    return f'<span title="{about}">{machine_load(snapshot.progress)}</span>' if snapshot.progress else ""


def _title(snapshot: Snapshot) -> str:
    """What is trained on what, after what a person has called it."""
    network = snapshot.config.network()
    what = t(
        "{network}, {stem} stem, on {data}",
        network=t(network.architecture.label),
        stem=network.stem,
        data=data_label(snapshot.config.data),
    )
    return t("{title}: {what}", title=snapshot.name, what=what) if snapshot.title else what


def _recipe(config: TrainConfig, parent: str) -> str:
    """The preset, what the run has otherwise, and where its first weights are from."""
    preset, changed = t(PRESETS[config.preset].title), changes_text(config)
    recipe = t("Preset “{preset}, but {changes}”", preset=preset, changes=changed)
    return (recipe if changed else t("Preset “{preset}”", preset=preset)) + _origin(config, parent)


def configuration_html(snapshot: Snapshot | None) -> str:
    """Every setting of a run, and what it is by the preset where that differs."""
    if snapshot is None:
        return f'<p class="hint">{t("The settings of a run will stand here.")}</p>'
    values = snapshot.config.to_dict()
    values["data"] = data_label(values["data"])  # a visitor is not shown where the server keeps its files
    otherwise = changes_of(values)
    rows = "".join(
        f"<div{' class=differs' * (name in otherwise)}><dt>{escape(label_of(name))}</dt><dd>{escape(written(value))}"
        f"{_by_the_preset(otherwise[name]) if name in otherwise else ''}</dd></div>"
        for name, value in values.items()
    )
    return f'<dl class="run-configuration">{rows}</dl>'


def _by_the_preset(value: Any) -> str:
    return f" <small>{escape(t('(preset: {value})', value=written(value)))}</small>"


def _origin(config: TrainConfig, parent: str) -> str:
    """Where its first weights are from, unless they are random."""
    if parent:
        return t(", from the run “{name}”", name=parent)
    if config.start_from == TORCHVISION:
        return t(", from torchvision's weights")
    return t(", from a file's weights") if config.start_from == FROM_FILE else ""


def log_text(snapshot: Snapshot | None, owner: bool = True) -> str:
    """The last events in words."""
    if snapshot is None:
        return t("The log of a run will stand here.")
    view = snapshot.view
    recent = sorted([*view.metrics[-6:], *view.epochs[-6:]], key=lambda event: event.step)  # a clock may jump
    if snapshot.is_partial:
        return t("The log is long and is still being read; the curves come with it.")
    told = [event_line(event) for event in (view.started, *recent, view.ended if owner else None) if event]
    return "\n".join(line for line in [_gaps_line(snapshot), *told] if line) or t("Nothing logged yet.")


def log_html(snapshot: Snapshot | None, owner: bool = True) -> str:
    """The same where it can be scrolled, by keyboard, too."""
    lines = f"<span>{escape(log_text(snapshot, owner))}</span>"
    return f'<pre class="run-log" tabindex="0" role="region" aria-label="{t("Log")}">{lines}</pre>'


def _gaps_line(snapshot: Snapshot) -> str:
    """Where the curves lack points, '' where they are whole."""
    if not (gaps := snapshot.view.gaps):
        return ""
    between = [
        t("between steps {before} and {after}", before=f"{before:,}", after=f"{after:,}") for before, after in gaps
    ]
    return t(
        "The log was cut off or damaged, so the curves lack the points {between}; the training itself lost nothing.",
        between=t(" and ").join(between),
    )


def _standing(snapshot: Snapshot) -> str:
    return listed([t(snapshot.status), *([t("came with resnet_demo")] if snapshot.run.is_shipped else [])])


def run_choices(snapshot: RunsSnapshot) -> list[tuple[str, str]]:
    """(label, id) of the runs that can be looked at."""
    runs = [(listed([s.name, data_label(s.config.data), _standing(s)]), s.run.id) for s in snapshot.runs]
    own = any(not s.run.is_shipped for s in snapshot.runs)
    first = t("The newest run") if own or not runs else t("No run of your own yet: a recording")
    return [(first, NEWEST), *runs]


def parent_choices(snapshot: RunsSnapshot) -> list[tuple[str, str]]:
    """(label, what `start_from` then says) of the runs that have weights to start from."""
    return [(_parent_label(s), f"{PARENT}{s.run.id}") for s in snapshot.runs if s.view.saved]


def _parent_label(run: Snapshot) -> str:
    return t("{run}, {network} on {data}", run=run.name, network=run.config.arch, data=data_label(run.config.data))
