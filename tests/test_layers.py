"""The arrows between the layers point down, and torch stays out of the first paint."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "resnet_demo"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAY_IMPORT = {
    "files.py": set(),
    "models": {"models"},
    "data": {"data", "models", "files"},
    "training": {"training", "data", "models", "files"},
    "inference": {"inference", "training", "data", "models"},
    "ui": {"ui", "inference", "training", "data", "models"},
}


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
    if layer in MAY_IMPORT:
        assert ours <= MAY_IMPORT[layer], f"{path.name} reaches up to {ours}"
    libraries = {name.split(".")[0] for name in imported(path)}
    assert "gradio" not in libraries or layer == "ui"
    assert "matplotlib" not in libraries or path == PACKAGE / "ui" / "figures.py"


def test_the_page_is_built_and_the_runs_are_listed_without_torch(tmp_path):
    program = f"""
import sys
from pathlib import Path
from resnet_demo.training.config import preset_config
from resnet_demo.training.run_store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
store = RunStore(Path({str(tmp_path)!r}))
store.create(preset_config("tour"))
backend = Backend.over(store, Path("data"))
page = build_app(backend)
assert len(backend.watcher.look().runs) == 1
print(sorted(name for name in ("torch", "torchvision", "matplotlib", "sklearn") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
