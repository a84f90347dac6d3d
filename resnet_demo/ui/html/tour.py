"""What the tour says, beside what it speaks of, and where it leads: pure functions from plain data to
HTML. Imports neither gradio nor torch."""

from resnet_demo.language import t
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.text import percent
from resnet_demo.ui.html.status_card import share_done

CAPTIONS = {  # in turn, each a quarter of the run
    "status": "At each step the network sees 64 digits and changes its weights a little, so that the next answers "
    "are better. An epoch is once through all of them.",
    "loss": "The loss says how wrong and how unsure the answers are. It falls from step to step, though not at each.",
    "accuracy": "Accuracy is the share of right answers. The dots are measured on digits that it was never trained "
    "on: the accuracy that matters.",
    "pinned": "Nobody has shown it this digit, either. The curves are what the network takes it for, as it learns.",
}


def caption(snapshot: Snapshot | None, part: str) -> str:
    """What is said of a part of the page in the tour; while it trains marked when it is this one's turn. It can be read
    afterwards, too. '' for other runs."""
    if snapshot is None or not _is_tour(snapshot):
        return ""
    turn = min(int(len(CAPTIONS) * (share_done(snapshot) or 0.0)), len(CAPTIONS) - 1)
    now = " tour-now" if snapshot.status.is_live and list(CAPTIONS).index(part) == turn else ""
    return f'<p class="tour-caption{now}">{t(CAPTIONS[part])}</p>'


def _is_tour(snapshot: Snapshot) -> bool:
    """One that was taken here."""
    return snapshot.config.preset == "tour" and not snapshot.run.is_shipped


def next_html(snapshot: Snapshot | None, owner: bool) -> str:
    """What to do after the tour; '' for other runs, and before its end."""
    if snapshot is None or not _is_tour(snapshot) or snapshot.status != "finished":
        return ""
    accuracy = snapshot.view.test_accuracy
    images = f'<button data-next="images">{t("Train on photographs")}</button>' if owner else ""
    if accuracy is None:
        learned = t("It has learned the ten digits. What would it make of yours?")
    else:
        learned = t(
            "It has learned the ten digits, and names {accuracy} of those right that it had never seen. What would it "
            "make of yours?",
            accuracy=percent(accuracy),
        )
    ask = f'<button data-next="ask">{t("Draw a digit")}</button>'
    return f'<div class="tour-next"><p>{learned}</p>{ask}{images}</div>'
