"""What a Hugging Face Space does with this project: it installs it, then runs `app.py` or imports its `demo`."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from huggingface_hub import metadata_load

from tests.conftest import NO_REGISTRY
from tests.test_app import ending, free_port, run_python, wait_until_answering

ROOT = Path(__file__).parents[1]
SPACE = {"SPACE_ID": "someone/resnet", "SPACE_HOST": "someone-resnet.hf.space", "RESNET_DEMO_TOKEN": "a long secret"}


def pip(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pip", "--retries", "1", "--timeout", "20", "--disable-pip-version-check"]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=840)


@pytest.mark.registry
@pytest.mark.timeout(900)
def test_the_line_by_which_zerogpu_installs_has_a_solution(tmp_path):
    """The platform's own packages stand in the same line as the project's, for its Python, not for this one. It takes
    minutes, and its outcome changes with the registry alone: run it before a deploy and where requirements change."""
    told = metadata_load(ROOT / "README.md")
    if pip("download", "--no-deps", "--quiet", "--dest", tmp_path, "spaces>=0.51").returncode:
        pytest.skip(NO_REGISTRY)
    there = ["--only-binary", ":all:", "--python-version", told["python_version"], "--target", tmp_path / "target"]
    wanted = ["torch<=2.13.0", f"gradio[oauth,mcp]=={told['sdk_version']}", "uvicorn>=0.14.0", "websockets>=10.4"]
    done = pip(
        "install", "--dry-run", "--quiet", "--ignore-installed", *there, "--report", tmp_path / "report.json",
        "-r", ROOT / "requirements.txt", *wanted, "spaces",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    versions = {one["metadata"]["name"]: one["metadata"]["version"] for one in report["install"]}
    assert versions["torch"].startswith("2.13.") and versions["gradio"] == told["sdk_version"] and "spaces" in versions


def test_who_imports_demo_launches_the_page_with_its_guards(tmp_path):
    """Without a flag: the settings are Gradio's variables."""
    port = free_port()
    program = (
        f"import signal, sys; sys.path.insert(0, {str(ROOT)!r}); from app import demo; import app; "
        "assert app.demo is demo; demo.launch(prevent_thread_lock=True); signal.pause()"
    )
    environment = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), **SPACE}
    with ending(run_python("-c", program, cwd=tmp_path, **environment)) as process:
        wait_until_answering(port, process)
        page = f"http://127.0.0.1:{port}"
        foreign = httpx.post(f"{page}/gradio_api/run/predict", json={}, headers={"Origin": "https://elsewhere.example"})
        assert foreign.status_code == 403
        owner = httpx.get(page, params={"token": "a long secret"})
        assert owner.status_code in (302, 303, 307) and "set-cookie" in owner.headers
        said = process.stdout.readline()
        assert said.strip().endswith("https://someone-resnet.hf.space/?token=a%20long%20secret")


def test_the_module_has_no_other_attribute_that_is_made_when_asked_for():
    import app

    with pytest.raises(AttributeError, match="no attribute 'page'"):
        app.page  # noqa: B018
