"""Every text for people that the page can show, as far as code and page can be asked: what the Chinese table must hold.

    python -m tests.support.texts

prints those that it lacks, and by whom they are said.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from resnet_demo.language import chinese
from resnet_demo.models.catalog import ARCHITECTURES, SHORTCUTS, STEMS
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import PHASES
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.translation import IN_SCRIPT, SHOWN_AS_TEXT, TEXTS

PACKAGE = Path(__file__).parents[2] / "resnet_demo"
WORDS = re.compile(r"[A-Za-z]{2}")
# The same in both languages: names of networks, numbers, file types, what is typed in.
NAMES = re.compile(
    r"(Plain|ResNet)-\d+|[A-Z0-9]{1,4}|\d.*|CIFAR-10.*|cuda|mps|cpu|auto|float32|bfloat16|float16|adamw?|sgd|data|imagenet|"
    r"constant|step|by_\w+|linear_warmup_decay"
)


def texts_in_code() -> Iterator[tuple[str, str]]:
    """(text, place) for each literal that is given to `t` or counted by `plural`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (text := _said_by(node)):
                yield text, f"{path.relative_to(PACKAGE)}:{node.lineno}"
    for path in sorted(PACKAGE.rglob("*.js")):
        for found in IN_SCRIPT.finditer(path.read_text(encoding="utf-8")):
            yield found[1], str(path.relative_to(PACKAGE))


def _said_by(call: ast.Call) -> str | None:
    name = getattr(call.func, "id", None)
    at = {"t": 0, "plural": 1}.get(name or "")
    if at is None or len(call.args) <= at or not isinstance(call.args[at], ast.Constant):
        return None
    return call.args[at].value


def texts_of_settings() -> Iterator[tuple[str, str]]:
    for field in fields(TrainConfig):
        for name in ("label", "help", "details"):
            if text := field.metadata.get(name):
                yield text, f"setting {field.name}"
    for key, preset in PRESETS.items():
        yield preset.title, f"preset {key}"
        yield preset.summary, f"preset {key}"
    for table in (PHASES, SHORTCUTS):
        yield from ((text, "table") for text in table.values())
    for known in (*ARCHITECTURES.values(), *STEMS.values()):
        yield known.label, "table"


def texts_of_page(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a page was built with, from what Gradio sends who opens it."""
    for part in config["components"]:
        props, place = part["props"], f"{part['type']} {part['props'].get('elem_id') or part['id']}"
        names = (*TEXTS, "value") if part["type"] in SHOWN_AS_TEXT else TEXTS
        yield from ((props[name], place) for name in names if isinstance(props.get(name), str))
        yield from ((label, place) for label, _ in props.get("choices") or () if isinstance(label, str))


def missing(texts: Iterator[tuple[str, str]]) -> dict[str, str]:
    """text -> place of those that the Chinese table lacks."""
    said = {text: place for text, place in texts if WORDS.search(text) and not NAMES.fullmatch(text)}
    return {text: place for text, place in said.items() if text not in chinese()}


def all_texts() -> Iterator[tuple[str, str]]:
    yield from texts_in_code()
    yield from texts_of_settings()
    with TemporaryDirectory() as folder:
        yield from texts_of_page(build_app(Backend.over(RunStore(Path(folder)), Path(folder))).get_config_file())


if __name__ == "__main__":
    for missed, said_by in sorted(missing(all_texts()).items(), key=lambda pair: pair[1]):
        print(f"{said_by}: {missed!r}")
