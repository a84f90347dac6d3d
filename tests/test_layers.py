"""The arrows between the layers point down, and torch stays out of the first paint."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "resnet_demo"
MODULES = sorted(PACKAGE.rglob("*.py"))
GROUND = {"errors", "files", "language", "owner_token", "text"}  # single modules that stand below all packages
# From the bottom up: a package may import itself, those before it, and the ground.
LAYERS = ("models", "data", "runs", "training", "workers", "inference", "export", "hub", "cli")
MAY_IMPORT = {f"{module}.py": {"errors", "language"} - {module} for module in GROUND}
MAY_IMPORT["language.py"] = set()
MAY_IMPORT |= {layer: GROUND | set(LAYERS[: place + 1]) for place, layer in enumerate(LAYERS)}
MAY_IMPORT["inference"] -= {"workers"}  # two packages side by side
MAY_IMPORT["ui"] = MAY_IMPORT["cli"] - {"cli"} | {"ui"}
REPORT, PAGE = PACKAGE / "cli" / "report.py", "resnet_demo.ui.html.report"
ENTRANCES = {"__init__.py", "__main__.py"}


def imported(path: Path) -> set[str]:
    """Every module named by an import, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    layer = path.relative_to(PACKAGE).parts[0]
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("resnet_demo.") and name.count(".") > 0}
    ours -= {"__version__"}
    if path == REPORT:  # what the page draws, and nothing else of it
        ours -= {"ui"}
        assert {name for name in imported(path) if ".ui" in name} <= {f"{PAGE}", f"{PAGE}.report_page"}
    if layer not in ENTRANCES:
        assert ours <= MAY_IMPORT[layer], f"{path.name} reaches up to {ours - MAY_IMPORT[layer]}"
    libraries = {name.split(".")[0] for name in imported(path)}
    assert "gradio" not in libraries or layer == "ui"
    assert "huggingface_hub" not in libraries or layer == "hub"
    assert "matplotlib" not in libraries or path == PACKAGE / "runs" / "figures.py"


@pytest.mark.parametrize("folder", ["runs", "ui/html"])
def test_a_folder_imports_no_torch_and_no_gradio(folder):
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in MODULES
        if path.is_relative_to(PACKAGE / folder) and path.name != "__init__.py"
    ]
    assert modules
    program = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
    found = [library for library in ("torch", "torchvision", "gradio") if library in sys.modules]
    assert not found, (name, found)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_page_is_built_and_the_runs_are_listed_without_torch(tmp_path):
    program = f"""
import sys
from pathlib import Path
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
store = RunStore(Path({str(tmp_path)!r}))
store.create(preset_config("tour"))
backend = Backend.over(store, Path("data"))
page = build_app(backend)
assert len(backend.watcher.snapshot().runs) == 1
print(sorted(name for name in ("torch", "torchvision", "matplotlib", "sklearn") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_command_line_reads_its_arguments_without_torch():
    """Every worker does, before it holds its locks."""
    program = """
import sys
from resnet_demo.cli.main import parser
parser()
print(sorted(name for name in ("torch", "torchvision", "matplotlib", "gradio") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_package_is_imported_without_torch_though_it_has_load():
    program = """
import sys
from resnet_demo import load
print(sorted(name for name in ("torch", "torchvision", "numpy", "PIL", "gradio") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
