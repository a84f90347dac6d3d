"""Deploying, against a stand-in of Hugging Face's client; and the app from what is uploaded, alone."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from resnet_demo.cli.main import main
from resnet_demo.hub import space
from resnet_demo.hub.space import HubError, app_uploads, deploy, run_uploads
from resnet_demo.runs.directory import RunDirectory
from tests.support.checkpoints import make_run
from tests.support.hub import Hub
from tests.test_app import ending, free_port, run_python, wait_until_answering

NAME = "someone/resnet"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(space, "POLL_S", 0.0)
    monkeypatch.delenv("RESNET_DEMO_TOKEN", raising=False)


def deployed(hub, uploads=None, hardware=None):
    said = []
    return deploy(hub.api, NAME, uploads or app_uploads(), hardware, said.append), said


@contextmanager
def refused(words):
    with pytest.raises(HubError, match=words) as caught:
        yield caught
    assert "\n" not in str(caught.value)


def test_what_is_uploaded_is_what_the_app_takes_and_nothing_else():
    places = {upload.place for upload in app_uploads()}
    assert {"README.md", "app.py", "requirements.txt", "resnet_demo/ui/page.css"} <= places
    assert any(place.startswith("resnet_demo/shipped/") for place in places)
    assert {place.split("/")[0] for place in places} == {
        "README.md",
        "LICENSE",
        "app.py",
        "requirements.txt",
        "resnet_demo",
    }
    assert not any("__pycache__" in place or ".git" in place for place in places)


def test_a_package_without_its_project_is_a_sentence(tmp_path):
    with refused("Deploy from a checkout"):
        app_uploads(tmp_path)


def test_the_app_starts_from_what_is_uploaded_alone(tmp_path):
    folder = tmp_path / "app"
    for upload in app_uploads():
        (folder / upload.place).parent.mkdir(parents=True, exist_ok=True)
        (folder / upload.place).write_bytes(upload.file.read_bytes())
    port = free_port()
    variables = {"SYSTEM": "spaces", "SPACE_ID": NAME, "SPACE_HOST": "someone-resnet.hf.space", "PYTHONPATH": ""}
    variables |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "RESNET_DEMO_TOKEN": "a secret"}
    with ending(run_python("app.py", cwd=folder, **variables, GRADIO_TEMP_DIR=str(tmp_path))) as process:
        wait_until_answering(port, process)
        said = iter(process.stdout.readline, "")
        assert any("https://someone-resnet.hf.space/?token=a%20secret" in line for line in said)
        framed = httpx.get(f"http://127.0.0.1:{port}/").headers
        assert "x-frame-options" not in framed  # a Space is shown in a frame
    image = folder / "resnet_demo" / "examples" / "cat.png"
    command = [sys.executable, "-m", "resnet_demo", "classify", str(image)]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0 and "%" in answer.stdout, answer.stderr


def test_a_new_space_is_made_with_its_secret_in_one_call():
    hub = Hub()
    done, said = deployed(hub, hardware="t4-small")
    made = hub.spaces[NAME]
    token = made.secrets["RESNET_DEMO_TOKEN"]
    assert len(token) >= 20 and made.hardware == "t4-small"
    assert done.address == "https://someone-resnet.hf.space/"
    assert done.owners_link == f"https://someone-resnet.hf.space/?token={token}"
    assert made.files["app.py"] == (space.PROJECT / "app.py").read_bytes()
    assert [line for line in said if "building" in line] and "running" in said[-1]
    assert not hub.api.add_space_secret.called


def test_the_token_of_the_environment_is_the_secret(monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_TOKEN", "se+cret/&=")
    hub = Hub()
    assert deployed(hub)[0].owners_link.endswith("?token=se%2Bcret%2F%26%3D")
    assert hub.spaces[NAME].secrets == {"RESNET_DEMO_TOKEN": "se+cret/&="}


def test_a_second_deploy_replaces_the_app_and_keeps_the_secret_and_the_runs(monkeypatch, store):
    hub = Hub()
    run = make_run(store, "mine")
    deployed(hub, [*app_uploads(), *run_uploads([run])])
    there = hub.spaces[NAME]
    before = dict(there.secrets)
    there.files["resnet_demo/gone.py"] = b"old"
    monkeypatch.setenv("RESNET_DEMO_TOKEN", "another secret")
    hub.stages = ["RUNNING of commit 1", "RUNNING_BUILDING of commit 1", "RUNNING"]
    done, _ = deployed(hub)
    assert there.secrets == before and done.owners_link is None
    assert "resnet_demo/gone.py" not in there.files and ".gitattributes" in there.files
    assert "checkpoints/mine/model.safetensors" in there.files
    assert hub.stages == ["RUNNING"]  # the old build's 'running' was not taken for the new one's


def test_a_space_without_a_secret_gets_one():
    hub = Hub()
    deployed(hub)
    hub.spaces[NAME].secrets.clear()
    done, _ = deployed(hub)
    assert done.owners_link.endswith(hub.spaces[NAME].secrets["RESNET_DEMO_TOKEN"])


def answered(status):
    request = httpx.Request("GET", "https://huggingface.co/api/whoami-v2")
    return HfHubHTTPError("refused", response=httpx.Response(status, request=request), server_message="Rate limit.")


@pytest.mark.parametrize(
    ("why_not", "words"),
    [
        (LocalTokenNotFoundError("none"), "There is no Hugging Face token here.*hf auth login"),
        (answered(401), "does not take this token"),
        (answered(429), "Hugging Face refused it: Rate limit"),
    ],
    ids=["none", "wrong", "limit"],
)
def test_a_token_or_a_network_that_does_not_do_is_one_sentence(why_not, words):
    hub = Hub()
    hub.why_not = why_not
    with refused(words):
        deployed(hub)
    assert not hub.spaces


def test_where_the_real_client_comes_to_no_answer_that_is_one_sentence(monkeypatch):
    """Its library's errors are others from huggingface_hub 2 on."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    with refused("Hugging Face cannot be reached"):
        deploy(HfApi(token="hf_made_up"), NAME, [], None, print)


def test_a_token_that_may_only_read_is_refused_before_anything_is_made():
    hub = Hub(role="read")
    with refused("may only read"):
        deployed(hub)
    assert not hub.spaces


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (("BUILDING", "BUILD_ERROR"), r"does not run \(BUILD_ERROR: no such package\).*logs=build"),
        (("PAUSED",), "is uploaded, but the Space is paused"),
    ],
)
def test_a_space_that_does_not_come_to_run_is_one_sentence(stages, words):
    with refused(words):
        deployed(Hub(stages=stages))


def test_a_space_that_builds_for_ever_is_one_sentence(monkeypatch):
    monkeypatch.setattr(space, "BUILD_TIMEOUT_S", 0.0)
    with refused("is not running after"):
        deployed(Hub(stages=("BUILDING",)))


def test_a_run_goes_without_what_its_worker_leaves(store):
    run = make_run(store, "mine")
    run.epochs_path.mkdir()
    run.epoch_path(1).write_bytes(b"weights")
    for name in ("worker.log", "worker.lock", "progress.json", "control.json", "exit.json", ".part"):
        (run.path / name).write_text("{}")
    assert {upload.place for upload in run_uploads([run])} == {
        f"checkpoints/mine/{name}"
        for name in ("config.json", "order.json", "model.safetensors", "epochs/0001.safetensors")
    }
    with run.lock.acquire(), refused("is training now. Pause it"):
        run_uploads([RunDirectory(run.path)])


def test_a_dry_run_lists_every_file_and_asks_nobody(store, monkeypatch, capsys):
    monkeypatch.setattr(space, "connect", None)
    run = make_run(store, "mine")
    assert main(["deploy", NAME, "--with", str(run.path), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert 'python_version: "3.12"' in said and "checkpoints/mine/model.safetensors" in said
    uploads = [*app_uploads(), *run_uploads([run])]
    assert all(f"  {upload.place}\n" in said for upload in uploads)
    assert f"\n{len(uploads)} files, " in said and said.endswith(f"to the Space {NAME}\n")


def test_the_command_prints_the_page_and_the_owners_link(monkeypatch, capsys):
    hub = Hub()
    monkeypatch.setattr(space, "connect", lambda: hub.api)
    assert main(["deploy", NAME]) == 0
    token = hub.spaces[NAME].secrets["RESNET_DEMO_TOKEN"]
    said = capsys.readouterr()
    assert f"https://someone-resnet.hf.space/?token={token}" in said.out and token not in said.err
    assert main(["deploy", NAME]) == 0
    assert token not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["resnet", "a/b/c", "https://huggingface.co/spaces/a/b", "-a/b", "a/"])
def test_what_is_no_spaces_name_is_a_sentence(name, capsys):
    with refused("is named USER/NAME"):
        space.check_name(name)


def test_the_stand_in_refuses_what_the_real_client_does_not_take():
    with pytest.raises(TypeError):
        Hub().api.create_repo("a/b", sdk="gradio")


def test_nothing_is_asked_where_a_run_is_not_there(capsys, tmp_path):
    assert main(["deploy", NAME, "--with", str(Path(tmp_path) / "none"), "--dry-run"]) == 1
    assert "is no run" in capsys.readouterr().err
