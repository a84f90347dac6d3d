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

from resnet_demo.data.examples import FOREIGN
from resnet_demo.data.known import KNOWN
from resnet_demo.language import chinese
from resnet_demo.models.catalog import ARCHITECTURES, SHORTCUTS, STEMS
from resnet_demo.models.describe import KINDS
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import PHASES
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.axis import TIME_UNITS
from resnet_demo.ui.html.block_strip import GRADIENT, RATIO, RESPONSE
from resnet_demo.ui.html.curves import X_AXES
from resnet_demo.ui.html.explorer import BLOCK_NOTES
from resnet_demo.ui.html.network_comparison import KINDS_SHOWN
from resnet_demo.ui.html.runs_table import COLUMNS
from resnet_demo.ui.page import KINDS as VALUES
from resnet_demo.ui.page import Page
from resnet_demo.ui.protection import FAILED
from resnet_demo.ui.tabs.form import CHOICE_LABELS
from resnet_demo.ui.translation import IN_SCRIPT, SHOWN_AS_TEXT, TEXTS
from resnet_demo.workers.record import STOPPED, STOPPED_UNSAVED

PACKAGE = Path(__file__).parents[2] / "resnet_demo"
WORDS = re.compile(r"[A-Za-z]{2}")
# The same in both languages: names of networks, numbers, file types, what is typed in.
NAMES = re.compile(r"(Plain|ResNet)-\d+|[A-Z0-9]{1,4}|\d.*|CIFAR-10.*|ReLU")


def texts_in_code() -> Iterator[tuple[str, str]]:
    """(text, place) for each literal, or constant of the same module, that is given to `t`, and for the plural of each
    noun that is counted by `plural`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        constants = _constants(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                yield from ((text, f"{path.relative_to(PACKAGE)}:{node.lineno}") for text in _said_by(node, constants))
    for path in sorted(PACKAGE.rglob("*.js")):
        for found in IN_SCRIPT.finditer(path.read_text(encoding="utf-8")):
            yield found[1], str(path.relative_to(PACKAGE))


def sentences_of_errors() -> set[str]:
    """Whatever string stands in the code: a whole sentence that is raised anywhere is translated on its way out."""
    modules = (ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py"))
    constants = (node for module in modules for node in ast.walk(module) if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str)}


def _said_by(call: ast.Call, constants: dict[str, list[str]]) -> list[str]:
    match getattr(call.func, "id", None), call.args:
        case "t", [ast.Constant(value=str(text))]:
            return [text]
        case "t", [ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name))]:
            return constants.get(name, [])
        case "plural", [_, ast.Constant(value=str(noun))]:
            return [f"{noun}s"]
    return []


def _constants(module: ast.Module) -> dict[str, list[str]]:
    """name -> the texts of each constant of a module: its own, or the values of a dict of texts."""
    found = {}
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found[name] = [text]
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=values)):
                found[name] = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    return found


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
    for known in (*ARCHITECTURES.values(), *STEMS.values(), *KNOWN.values(), *COLUMNS.values()):
        yield known.label, "table"
    for measure in (RATIO, RESPONSE, GRADIENT):
        yield from ((text, "measure of the blocks") for text in (measure.title, measure.look_for))
    for labels in CHOICE_LABELS.values():
        yield from ((label, "choice") for label in labels.values())
    yield from ((RunDirectory(path.parent).title(), "shipped run") for path in SHIPPED.glob("*/title.json"))
    for word in (*RunStatus, *PHASES, *X_AXES, *(label for label, *_ in TIME_UNITS)):
        yield word, "word"
    yield from ((text, "worker") for text in (STOPPED, STOPPED_UNSAVED))


def texts_of_networks() -> Iterator[tuple[str, str]]:
    """What a drawn network is described by, and the images that come with the page."""
    most_stages = max(len(architecture.depths) for architecture in ARCHITECTURES.values())
    stages = [f"Stage {number}" for number in range(1, most_stages + 1)]
    for word in (*KINDS.values(), *KINDS_SHOWN, *stages, *(stage.lower() for stage in stages), *BLOCK_NOTES.values()):
        yield word, "network"
    yield from ((f"{kind}s", "kind of block") for kind, _ in BLOCK_NOTES)
    yield from ((label, "example") for label in FOREIGN)


def texts_of_refusals() -> Iterator[tuple[str, str]]:
    yield from ((sentence, "value") for _, sentence in VALUES.values())
    yield FAILED, "protection"


def texts_of_page(page: Page) -> Iterator[tuple[str, str]]:
    """What a page was built with, but for what is made anew for whoever opens it."""
    for part in page.get_config_file()["components"]:
        made, _ = page._first.get(part["id"], ("", None))
        props = {name: value for name, value in part["props"].items() if name != made}
        place = f"{part['type']} {props.get('elem_id') or part['id']}"
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
    yield from texts_of_networks()
    yield from texts_of_refusals()
    with TemporaryDirectory() as folder:
        yield from texts_of_page(build_app(Backend.over(RunStore(Path(folder)), Path(folder))))


if __name__ == "__main__":
    for missed, said_by in sorted(missing(all_texts()).items(), key=lambda pair: pair[1]):
        print(f"{said_by}: {missed!r}")
