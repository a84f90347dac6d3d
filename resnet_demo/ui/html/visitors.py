"""What a page says where a GPU is lent to whoever asks for one: pure functions. Imports neither gradio nor torch."""

import time
from html import escape

from resnet_demo.hub.gpu_time import GpuTime
from resnet_demo.language import t
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.visitors import KEPT_S, MAX_EPOCHS
from resnet_demo.text import duration


def visitor_html(owner: bool) -> str:
    """Above the card, for who may only look."""
    told = t(
        "You can only look. To start and stop runs, open this page with the owner's link, which the app printed "
        "at its start."
    )
    return "" if owner else hint_html(told)


def zerogpu_html(known: bool, quota: str = "") -> str:
    """Above the card of a run, for visitors; `known` says whether they can be known again, `quota` when theirs is
    back."""
    if not known:
        told = t(
            "Here each visitor can train a run of their own. Your browser keeps no cookie of this page, so it would "
            "not find yours again: allow its cookies, or open the page in a window of its own."
        )
        return hint_html(told)
    told = t(
        "You can train one run of your own here, of up to {epochs} epochs, on a GPU that is lent for a minute at a "
        "time from your own Hugging Face quota. Keep this page open while it trains: when you close it, the run is "
        "saved and pauses. Only this browser finds it again. It is deleted {days} days after it last trained.",
        epochs=MAX_EPOCHS,
        days=round(KEPT_S / 86_400),
    )
    return hint_html(told) + quota_html(quota)


def quota_html(quota: str) -> str:
    return f'<p class="run-waits" role="status">{escape(quota)}</p>' if quota else ""


def sign_in_html() -> str:
    return hint_html(t("Sign in, and this page says how much GPU time you have left, and how far it trains your run."))


def gpu_time_html(left: GpuTime, shown: Snapshot | None) -> str:
    """What is left of a visitor's GPU time, and how far that trains the run in front."""
    told = t("You have {left} of GPU time left, of {whole}. ", left=duration(left.left_s), whole=duration(left.whole_s))
    if left.back_at:
        told += t("It is fully restored at {clock} UTC. ", clock=time.strftime("%H:%M", time.gmtime(left.back_at + 30)))
    return hint_html(told + (_reach(shown.view, left.left_s) if shown else ""))


def hint_html(told: str) -> str:
    return f'<p class="hint">{escape(told)}</p>'


def _reach(view: RunView, seconds: float) -> str:
    """How far so many more seconds train a run, evaluations as long as they have been; '' where it has ended, or has
    not trained long enough to tell."""
    if not (view.started and view.epochs and view.last and view.elapsed_s > 0) or view.is_over:
        return ""
    epochs = view.started.epochs
    reached = view.last.step * (1 + seconds / view.elapsed_s) / view.started.steps_per_epoch
    if reached >= epochs:
        return t("At its speed so far, that is enough to the end of this run.")
    return t(
        "At its speed so far, that trains this run to epoch {epoch} of {epochs}.", epoch=int(reached), epochs=epochs
    )


def zerogpu_plan(downloads: dict[str, int]) -> str:
    """In the place of the plan; `downloads` are the bytes of what is fetched first, 0 for nothing."""
    fetched = [(name, count) for name, count in downloads.items() if count]
    download = "".join(
        t(
            "{data} ({megabytes} MB) is downloaded first, which costs no GPU time. ",
            data=name,
            megabytes=f"{count / 1e6:.0f}",
        )
        for name, count in fetched
    )
    told = t(
        "Trains on a GPU that is lent for a minute at a time. The expected duration appears once training has started."
    )
    return f'<p class="plan">{escape(download + told)}</p>'


def space_html(is_slow: bool, kept_s: float) -> str:
    """Under the page's head on a Space: what its visitors should know of it. `kept_s` is how long uploads may stay."""
    slow = t(
        "This Space has no GPU, so it trains slowly: the form says how long. A copy of your own can have one, and "
        "there you start and stop. "
    )
    kept = t(
        "What you upload is deleted after at most {hours} hours. An image that is pinned to a run stays with the run, "
        "and everyone who opens this page sees it.",
        hours=round(kept_s / 3600),
    )
    return hint_html((slow if is_slow else "") + kept)
