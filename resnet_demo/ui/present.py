"""What a run says, in words: pure functions from plain data to texts and HTML. Imports neither gradio nor torch."""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from resnet_demo.training import events
from resnet_demo.training.config import ARTICLE_ACCURACY, TrainConfig, problem_with
from resnet_demo.training.runs import PAUSE, STOP, Progress
from resnet_demo.ui.watch import Look, Snapshot

CIFAR10_CLASSES = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
}  # fmt: skip

CIFAR10_ARCHIVE, CIFAR10_BYTES = "cifar-10-python.tar.gz", 170_498_071

MARKS = {  # a word and a mark, never a colour alone
    "training": "●",
    "paused": "❚❚",
    "interrupted": "◌",
    "finished": "✓",
    "stopped": "■",
    "failed": "✕",
}

PHASES = {
    "downloading": "Downloading CIFAR-10",
    "decoding": "Decoding pictures (once; the next start is fast)",
    "starting": "Starting: loading PyTorch and the pictures",
    "training": "Training",
    "evaluating": "Measuring on the test pictures",
    "saving": "Saving",
}


# --- numbers --------------------------------------------------------------------------------------------------


def percent(share: float | None) -> str:
    """0.873 -> '87.3 %'."""
    return "–" if share is None else f"{100 * share:.1f} %"


def duration(seconds: float | None) -> str:
    """250 -> '4 min 10 s'; from an hour on without seconds."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"


def rate(images_per_s: float | None) -> str:
    """172.6 -> '173 images/s'."""
    if images_per_s is None:
        return "–"
    return f"{images_per_s:.3g} images/s" if images_per_s < 100 else f"{images_per_s:,.0f} images/s"


def data_label(source: str) -> str:
    """'folder:/a/b' -> 'b': a visitor is not shown where the server keeps its files."""
    names = {"cifar10": "CIFAR-10", "digits": "handwritten digits"}
    return names.get(source) or source.removeprefix("folder:").rstrip("/").rpartition("/")[2]


def is_cifar10(view: events.RunView) -> bool:
    """Whether the run learns CIFAR-10's classes, from whatever files."""
    return view.started is not None and set(view.started.classes) == CIFAR10_CLASSES


def started(run_id: str) -> str:
    """'20261124-101500-resnet50-cifar10' -> '24 Nov 2026, 10:15'; another folder name stays what it is."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").strftime("%d %b %Y, %H:%M").lstrip("0")
    except ValueError:
        return run_id


# --- the status of one run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Controls:
    """Which buttons can be pressed."""

    start: bool
    pause: bool
    resume: bool
    stop: bool


def controls(current: Snapshot | None, owner: bool) -> Controls:
    """Nothing for a visitor without the owner's token; Start only while nothing trains."""
    if not owner:
        return Controls(False, False, False, False)
    training = current is not None and current.alive
    waiting = current is not None and current.status in ("paused", "interrupted")
    return Controls(start=not training, pause=training, resume=waiting, stop=training)


def share_done(snapshot: Snapshot) -> float | None:
    """Of the whole run, 0..1; None where it is not known yet."""
    if snapshot.status == "finished":
        return 1.0
    total = snapshot.view.total_steps
    if not total:
        progress = snapshot.progress
        return progress.done / progress.total if progress and progress.total else None
    return _last_place(snapshot).step / total


def _last_place(snapshot: Snapshot) -> Progress | events.Event | None:
    """The newest word on where the run is: a living worker's progress once it counts steps, else the log's end."""
    progress = snapshot.progress
    return progress if progress and progress.step else snapshot.view.last


def sentence(snapshot: Snapshot) -> str:
    """What is happening, or what happened and what to do next."""
    view = snapshot.view
    match snapshot.status:
        case "training":
            return _now(snapshot)
        case "paused":
            return "Saved and at rest. Press Resume to go on from the very step."
        case "interrupted":
            saved = f"its last saved point, step {view.saved.step:,}" if view.saved else "the beginning"
            return f"The training process is gone. Press Resume to go on from {saved}."
        case "finished":
            return f"Test accuracy {percent(view.test_accuracy)}. Drop a picture into Classify to ask it something."
        case "stopped":
            return view.ended.message or "Stopped and saved."
        case _:
            return view.ended.message


def _now(snapshot: Snapshot) -> str:
    if snapshot.wanted == PAUSE:
        return "Pausing: ends as soon as the step under way is done and saved…"
    if snapshot.wanted == STOP:
        return "Stopping: ends as soon as the step under way is done and saved…"
    progress = snapshot.progress
    if progress is None:
        return f"{PHASES['starting']}…"
    text = PHASES.get(progress.phase, progress.phase)
    if progress.phase in ("downloading", "decoding") and progress.total:
        amount = _megabytes(progress) if progress.phase == "downloading" else f"{progress.done:,} of {progress.total:,}"
        return f"{text}: {amount}…"
    return f"{text}…"


def _megabytes(progress: Progress) -> str:
    return f"{progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB"


def facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    """(name, value) pairs for the status card."""
    view, place = snapshot.view, _last_place(snapshot)
    live = place if isinstance(place, Progress) else None
    total = f" of {view.total_steps:,}" if view.total_steps else ""
    return [
        ("epoch", f"{place.epoch if place else 0} of {snapshot.config.epochs}"),
        ("step", f"{place.step if place else 0:,}{total}"),
        ("speed", rate((live and live.images_per_s) or view.images_per_s)),
        ("elapsed", duration(place.elapsed_s if place else 0)),
        ("remaining", duration(live and live.remaining_s)),
        ("test accuracy", percent(view.test_accuracy)),
    ]


def status_html(look: Look) -> str:
    """The card above the curves. Before the first run: what will stand here, and how to make it appear."""
    snapshot = look.current
    if snapshot is None:
        return (
            '<div class="run-card"><div class="run-head"><span class="run-status">○ no run yet</span></div>'
            "<p>Press <b>Start training</b>, or take the one-minute tour. Progress, speed and the curves of loss and "
            "accuracy will stand here, and stay when you close the page.</p></div>"
        )
    done = share_done(snapshot)
    width = f"{100 * (done or 0):.2f}"
    bar = (
        f'<div class="run-bar" role="progressbar" aria-label="share of the run that is done" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{width}"><div style="width:{width}%"></div></div>'
    )
    pairs = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts(snapshot))
    title = f"{escape(snapshot.config.arch)} on {escape(data_label(snapshot.config.data))}"
    return (
        f'<div class="run-card" data-status="{snapshot.status}"><div class="run-head">'
        f'<span class="run-status">{MARKS[snapshot.status]} {snapshot.status}</span>'
        f'<span class="run-title">{title}, preset {escape(snapshot.config.preset)}</span>'
        f'<span class="run-share">{"" if done is None else percent(done)}</span></div>{bar}'
        f'<p aria-live="polite">{escape(sentence(snapshot))}</p><dl class="run-facts">{pairs}</dl></div>'
    )


# --- the table of runs ----------------------------------------------------------------------------------------


def runs_html(look: Look) -> str:
    """All runs, newest first."""
    if not look.runs:
        return '<p class="hint">Runs will be listed here, with their settings and what they reached.</p>'
    head = ("started", "status", "data", "network", "preset", "epochs", "test accuracy", "speed", "time")
    rows = "".join(
        f'<tr title="{escape(s.run.id)}">{"".join(f"<td>{escape(cell)}</td>" for cell in _run_row(s))}</tr>'
        for s in look.runs
    )
    return (
        '<div class="runs-scroll" tabindex="0"><table class="runs-table"><thead><tr>'
        f"{''.join(f'<th>{name}</th>' for name in head)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _run_row(snapshot: Snapshot) -> tuple[str, ...]:
    view, config = snapshot.view, snapshot.config
    return (
        started(snapshot.run.id),
        f"{MARKS[snapshot.status]} {snapshot.status}",
        data_label(config.data),
        f"{config.arch}, {config.stem} stem",
        config.preset,
        f"{len(view.epochs)} of {config.epochs}",
        percent(view.test_accuracy),
        rate(view.images_per_s),
        duration(view.elapsed_s),
    )


def log_text(snapshot: Snapshot | None) -> str:
    """The last events in words; then the end of worker.log where the run failed."""
    if snapshot is None:
        return "The log of a run will stand here."
    view = snapshot.view
    recent = sorted([*view.metrics[-6:], *view.epochs[-6:]], key=lambda event: event.time)
    if view.ended:
        recent.append(view.ended)
    lines = [line for event in recent if (line := event_line(event))]
    if snapshot.status in ("failed", "interrupted"):
        lines += ["", "The end of worker.log:", *snapshot.log_tail.splitlines()[-8:]]
    return "\n".join(lines) or "Nothing logged yet."


# --- lines for a terminal -------------------------------------------------------------------------------------


def event_line(event: events.Event) -> str | None:
    """One stored event in words; None for what needs none."""
    match event:
        case events.RunStarted():
            held_out = f", {event.validation_images:,} held out" if event.validation_images else ""
            return (
                f"{event.train_images:,} training pictures{held_out}, {event.test_images:,} for the test; "
                f"{event.epochs} epochs of {event.steps_per_epoch:,} steps on {event.device}"
            ) + "".join(f"\n{warning}" for warning in event.warnings)
        case events.MetricsLogged():
            return (
                f"epoch {event.epoch}  step {event.step:,}  loss {event.train_loss:.3f}  "
                f"accuracy {percent(event.train_accuracy)}  {rate(event.images_per_s)}"
            )
        case events.EpochEnded():
            return (
                f"epoch {event.epoch} ended: test loss {event.test_loss:.3f}, test accuracy "
                f"{percent(event.test_accuracy)} ({duration(event.elapsed_s)})"
            )
        case events.RunPaused():
            return f"paused at step {event.step:,}"
        case events.RunResumed():
            return f"resumed at step {event.step:,}"
        case events.RunEnded():
            return f"{event.outcome}. {event.message}".strip()
    return None


def bar_line(event: events.Event | Progress) -> str:
    """The line that overwrites itself on a terminal."""
    if isinstance(event, events.MetricsLogged):
        return event_line(event)
    total = event.total or 1
    filled = round(24 * event.done / total)
    text = PHASES.get(event.phase, event.phase)
    place = f"epoch {event.epoch}  " if event.epoch else ""
    amount = _megabytes(event) if event.phase == "downloading" else f"{event.done:,} of {event.total:,}"
    return f"{place}[{'#' * filled}{'.' * (24 - filled)}] {amount}  {text}"


def article_reference() -> tuple[float, str]:
    """Where the article's result stands in a plot of accuracy, and what is written at it."""
    return ARTICLE_ACCURACY, f"the article, {100 * ARTICLE_ACCURACY:.2f} % after 100 epochs"


# --- the plan, before Start -----------------------------------------------------------------------------------


def plan_placeholder() -> str:
    return '<p class="plan">Looking at this machine: the device and the duration will stand here…</p>'


def plan_problem(error: Exception) -> str:
    return f'<p class="plan">{escape(str(error))}</p>'


def plan_html(config: TrainConfig, device_reason: str, guess, download_bytes: int) -> str:
    """`guess` is a training.estimate.Estimate; `download_bytes` is 0 where nothing is fetched."""
    download = f"Downloads CIFAR-10 first ({download_bytes / 1e6:.0f} MB). " if download_bytes else ""
    about = "about " if guess.about else ""
    if guess.seconds is None:
        time = "How long it takes shows once the pictures are counted."
    else:
        time = f"Takes {about}<b>{duration(guess.seconds)}</b> at {about}{rate(guess.images_per_s)}."
    return f'<p class="plan">{escape(device_reason)} {download}{time}</p>'


def download_size(config: TrainConfig, data_dir: Path) -> int:
    """Bytes that Start will fetch before the first step."""
    there = (data_dir / "cifar-10-batches-py").is_dir() or (data_dir / CIFAR10_ARCHIVE).is_file()
    return CIFAR10_BYTES if config.data == "cifar10" and not there else 0


def unknown_preset(preset: str) -> str | None:
    return problem_with("preset", preset)
