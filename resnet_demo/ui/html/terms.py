"""Words that are explained where they stand; what they mean stands in `ui/terms.js`, which shows it. Imports neither
gradio nor torch."""

from html import escape

from resnet_demo.language import t

WORDS = {  # as the page shows them -> the key of what they mean
    "epoch": "epoch",
    "epochs": "epoch",
    "step": "step",
    "held out": "heldOut",
    "test accuracy": "testAccuracy",
    "Accuracy": "accuracy",
    "Loss": "loss",
    "Loss (cross-entropy)": "loss",
}


def term(key: str, text: str) -> str:
    """The text, which `key` explains. A button in all but its shape: its words wrap like those around it."""
    return f'<span class="term" role="button" tabindex="0" data-term="{key}">{escape(text)}</span>'


def key_of(text: str) -> str | None:
    """Of a word in the current language; None for one that has no explanation."""
    return next((key for word, key in WORDS.items() if t(word) == text), None)


def explained(text: str) -> str:
    """The word with its explanation, if it has one."""
    key = key_of(text)
    return term(key, text) if key else escape(text)
