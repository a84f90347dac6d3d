"""What `pip install .` gives: the command, the files beside the modules, and the packages that requirements name."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import resnet_demo

ROOT = Path(__file__).parents[1]
TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def listed(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-r")]


def test_the_entry_point_is_the_command_line():
    module, _, name = TOLD["project"]["scripts"]["resnet-demo"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_file_that_is_no_module_is_installed():
    told = TOLD["tool"]["setuptools"]["package-data"]
    installed = {
        path for package, patterns in told.items() for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }  # fmt: skip
    others = {path for path in (ROOT / "resnet_demo").rglob("*") if path.is_file()}
    others -= {path for path in others if path.suffix in (".py", ".pyc")}
    assert others == installed and others


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in (ROOT / "resnet_demo").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_dependencies_are_named_once_and_dev_is_what_ci_installs():
    assert TOLD["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    assert TOLD["project"]["optional-dependencies"]["dev"] == listed(ROOT / "requirements-dev.txt")


@pytest.mark.parametrize("extra", ["dev", "tensorboard", "heic", "onnx"])
def test_an_extra_names_packages_with_bounds(extra):
    for line in TOLD["project"]["optional-dependencies"][extra]:
        assert {one.operator for one in Requirement(line).specifier} == {">=", "<"}


def test_the_changelog_tells_of_this_version():
    assert f"\n## {resnet_demo.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
