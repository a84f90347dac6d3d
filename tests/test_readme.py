"""What the docs say of the settings derives from TrainConfig (`python tests/test_readme.py` writes it anew), and what
the docs name is there."""

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from huggingface_hub import SpaceHardware, metadata_load
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # also when run as a command

from resnet_demo.models.catalog import ARCHITECTURES, TORCHVISION_HAS  # noqa: E402
from resnet_demo.runs.config import TrainConfig, preset_config  # noqa: E402
from resnet_demo.runs.presets import PRESETS  # noqa: E402

README, SETTINGS = ROOT / "README.md", ROOT / "docs" / "settings.md"
DOCS = [README, ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))]
SPACE_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
GENERATED = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def settings() -> str:
    """Markdown: each setting, what it is, and its value in each preset; then what else one should know of it."""
    presets = {name: {**TrainConfig().to_dict(), **preset.changes, "preset": name} for name, preset in PRESETS.items()}
    lines = ["| setting | what it is | " + " | ".join(presets) + " |", "|---|---|" + "---|" * len(presets)]
    for field in fields(TrainConfig):
        values = [str(values[field.name]) for values in presets.values()]
        lines.append(f"| `{flag(field)}` | {field.metadata['help']} | {' | '.join(values)} |")
    lines.append("")
    lines += [
        f"- **{field.metadata['label']}** (`{flag(field)}`): {field.metadata['details']}"
        for field in fields(TrainConfig)
    ]
    return "\n".join(lines) + "\n"


def flag(field) -> str:
    return "--" + field.name.replace("_", "-")


def test_the_settings_are_the_configs():
    assert GENERATED.search(SETTINGS.read_text(encoding="utf-8")).group() == settings()


def test_the_blocks_of_the_large_networks_are_the_catalogues():
    row = next(line for line in SETTINGS.read_text(encoding="utf-8").splitlines() if line.startswith("| `resnet18`"))
    depths = (ARCHITECTURES[name].depths for name in TORCHVISION_HAS)
    assert row.split(" | ")[1].partition(" (")[0] == " · ".join(", ".join(map(str, each)) for each in depths)


def test_every_preset_has_its_row_with_its_name_in_the_form_and_its_epochs():
    rows = dict(re.findall(r"^ +\| `(\w+)` \| (.+)", README.read_text(encoding="utf-8"), re.MULTILINE))
    told = {name: row.startswith(f"{PRESETS[name].title} |") for name, row in rows.items()}
    assert told == dict.fromkeys(PRESETS, True)
    assert all(f"{preset_config(name).epochs} epochs" in row for name, row in rows.items())


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_every_path_of_the_project_that_is_named_is_there(document):
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", document.read_text(encoding="utf-8"))
    missing = [path for path in named if not (ROOT / path).exists() and not (ROOT / "resnet_demo" / path).exists()]
    assert missing == []


def test_every_image_is_small():
    images = list((ROOT / "docs" / "pictures").iterdir())
    assert len(images) >= 3
    assert [image.name for image in images if not 0 < image.stat().st_size <= 300_000] == []


def test_what_a_space_is_told_is_what_is_required():
    told = metadata_load(README)
    lines = (line.partition("#")[0] for line in (ROOT / "requirements.txt").read_text().splitlines())
    required = {one.name: one.specifier for one in map(Requirement, filter(str.strip, lines))}
    assert told["sdk"] == "gradio" and required["gradio"].contains(told["sdk_version"])
    assert (ROOT / told["app_file"]).is_file() and told["license"] == "mit"
    assert told["python_version"] == "3.12"  # a text: unquoted it would be a number, and ZeroGPU takes 3.12 or 3.10
    assert told["emoji"] and {told["colorFrom"], told["colorTo"]} <= SPACE_COLOURS
    assert 0 < len(told["short_description"]) <= 60
    assert told["tags"] and told["datasets"] == ["uoft-cs/cifar10"]
    assert told["suggested_hardware"] in {hardware.value for hardware in SpaceHardware}
    assert re.fullmatch(r"\d+[mh]", told["startup_duration_timeout"])


if __name__ == "__main__":
    SETTINGS.write_text(GENERATED.sub(settings(), SETTINGS.read_text(encoding="utf-8")), encoding="utf-8")
