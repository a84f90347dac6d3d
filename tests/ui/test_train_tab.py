"""The page's handlers over HTTP: what they answer, what they change, and for whom."""

import json
from dataclasses import replace

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from PIL import Image

from resnet_demo.data.images import fit, load_picture
from resnet_demo.training import events
from resnet_demo.training.config import preset_config
from resnet_demo.training.pinned import PinnedFile
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.form import FIELDS, TrainForm

CHANGING = {
    "start": None, "tour": [None], "pause": [], "resume": ["newest", None], "stop": [],
    "pin": [None], "unpin": ["newest"],
}  # fmt: skip


def post(url, handler, data, token=None):
    """A raw POST to a queued handler, as no browser sends it; returns the last event's kind and data."""
    params = {"token": token} if token else {}
    address = f"{url}gradio_api/call/{handler}"
    posted = httpx.post(address, json={"data": data}, params=params, timeout=30)
    if posted.status_code != 200:  # refused before it was queued
        return "error", posted.text
    event_id = posted.json()["event_id"]
    kind, answer = "", ""
    with httpx.stream("GET", f"{address}/{event_id}", timeout=60) as lines:
        for line in lines.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                answer = line.removeprefix("data:").strip()
    return kind, answer


def run_now(url, handler, data):
    """A raw POST to a handler without a queue."""
    return httpx.post(f"{url}gradio_api/run/{handler}", json={"data": data}, timeout=30)


def upload(url, path):
    """Hand a file to Gradio, as the page does; returns what the page then sends in its place."""
    with path.open("rb") as file:
        (kept,) = httpx.post(f"{url}gradio_api/upload", files={"files": file}, timeout=30).json()
    return {"path": kept, "meta": {"_type": "gradio.FileData"}}


def form_values(**changes):
    return list(replace(preset_config("tour"), **changes).to_dict().values())


@pytest.mark.parametrize("handler", CHANGING)
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_token_nothing_changes(serve, handler, token):
    with serve(Access("secret")) as (url, backend):
        kind, answer = post(url, handler, [*form_values(), None] if handler == "start" else CHANGING[handler], token)
        assert kind == "error" and REFUSAL in json.loads(answer)["error"]
        assert backend.store.runs() == []


def test_with_the_token_a_run_starts_and_stops(serve, tiny_config):
    with serve(Access("secret")) as (url, backend):
        kind, answer = post(url, "start", [*tiny_config.to_dict().values(), None], "secret")
        assert kind == "complete" and "training" in answer
        (run,) = backend.store.runs()
        assert run.config() == tiny_config and backend.store.active() == run
        assert post(url, "start", [*form_values(), None], "secret")[0] == "error"  # one at a time
        assert post(url, "stop", [], "secret")[0] == "complete"
        assert backend.launcher.wait_until_idle(60)


def test_a_wrong_setting_is_named_and_nothing_starts(serve):
    with serve() as (url, backend):
        values = form_values()
        values[FIELDS.index("epochs")] = 0
        kind, answer = post(url, "start", [*values, None])
        assert kind == "error" and backend.store.runs() == []
        assert "Epochs must be from 1 to 1000" in answer


def test_only_sources_that_are_offered_can_be_trained_on(serve):
    with serve() as (url, backend):
        kind, answer = post(url, "start", [*form_values(data="folder:/etc"), None])
        assert kind == "error" and backend.store.runs() == [] and "Traceback" not in answer
    with gr.Blocks(), pytest.raises(gr.Error, match="not offered"):
        TrainForm(("digits",), preset_config("tour")).config(form_values(data="folder:/etc"))


def test_a_paused_run_that_is_not_in_front_can_be_chosen_and_resumed(serve, tiny_config):
    with serve() as (url, backend):
        paused, newer = backend.store.create(replace(tiny_config, epochs=50)), backend.store.create(tiny_config)
        place = {"epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
        paused.append(events.RunPaused(time=1.0, **place))
        newer.append(events.RunEnded(time=2.0, **place, outcome="stopped"))
        assert "stopped" in run_now(url, "refresh", ["", "newest"]).json()["data"][1]
        assert "paused" in run_now(url, "choose", ["", paused.id]).json()["data"][1]
        assert post(url, "resume", [paused.id, None])[0] == "complete"
        assert backend.store.active() == paused


def test_a_heartbeat_brings_the_version_once_and_then_next_to_nothing(serve, tiny_config):
    with serve() as (url, backend):
        backend.store.create(tiny_config)
        (version,) = run_now(url, "news", [""]).json()["data"]
        shown = run_now(url, "refresh", ["", "newest"]).json()["data"]
        assert shown[0] == version and "interrupted" in shown[1] and "<svg" in shown[2]
        unchanged = run_now(url, "news", [version])
        assert unchanged.json()["data"] == [{"__type__": "update"}] and len(unchanged.content) < 300


def test_a_tick_with_only_progress_skips_the_plots(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        version = run_now(url, "refresh", ["", "newest"]).json()["data"][0]
        points, states, _ = version.split(" ")
        changed = run_now(url, "refresh", [f"{points} {states} 1", "newest"]).json()["data"]
        assert changed[0] == version and run.config().arch in changed[1]
        assert "<svg" not in str(changed[2:]) and len(str(changed)) < 3000


def test_the_plan_names_the_device_and_the_duration(serve):
    with serve() as (url, _):
        plan = Client(url, verbose=False).predict(*form_values(device="cpu"), api_name="/plan_text")
        assert "Trains on CPU" in plan and "Takes about" in plan and "images/s" in plan
        cifar = Client(url, verbose=False).predict(*form_values(data="cifar10"), api_name="/plan_text")
        assert "Downloads CIFAR-10 first (170 MB)" in cifar


def test_a_visitors_buttons_are_all_off(serve):
    with serve(Access("secret")) as (url, _):
        buttons = run_now(url, "refresh", ["", "newest"]).json()["data"][-6:-1]
        assert [button["interactive"] for button in buttons] == [False] * 5


def test_nothing_of_ours_is_public_but_what_is_meant(serve):
    with serve() as (url, _):
        public = Client(url, verbose=False).view_api(return_format="dict")["named_endpoints"]
        assert set(public) <= {"/classify", "/evaluate"}


@pytest.mark.parametrize(("host", "shared", "space", "open_to_all"), [
    ("127.0.0.1", False, False, True), ("::1", False, False, True), ("localhost", False, False, True),
    ("127.0.0.1", True, False, False), ("0.0.0.0", False, False, False), ("192.168.1.5", False, False, False),
    ("127.0.0.1", False, True, False), ("example.org", False, False, False),
])  # fmt: skip
def test_who_is_the_owner(monkeypatch, host, shared, space, open_to_all):
    monkeypatch.delenv("RESNET_DEMO_TOKEN", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", "someone/resnet")
    access = Access.for_address(host, shared)
    assert (access.token is None) is open_to_all
    assert access.is_owner(None) is open_to_all
    assert access.token != Access.for_address(host, shared).token or open_to_all


def test_the_owners_token_can_be_set(monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_TOKEN", "chosen")
    assert Access.for_address("0.0.0.0", False).token == "chosen"
    assert Access.for_address("127.0.0.1", False).token == "chosen"  # as behind a reverse proxy


# --- the pinned photo -------------------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.radial_gradient("L").convert("RGB").crop((0, 0, 200, 90)).save(path)
    return path


def pinned(run):
    return PinnedFile(run.picture_path).look()


def test_a_photo_that_waits_in_the_page_goes_to_the_run_that_starts(serve, tiny_config, photo):
    with serve(Access("secret")) as (url, backend):
        waiting = upload(url, photo)
        assert post(url, "pin", [waiting], "secret")[0] == "complete" and backend.store.runs() == []
        kind, answer = post(url, "start", [*replace(tiny_config, epochs=50).to_dict().values(), waiting], "secret")
        assert kind == "complete" and "data:image/png" in answer
        (run,) = backend.store.runs()
        assert pinned(run).picture == fit(load_picture(photo))


def test_a_photo_can_be_pinned_to_a_run_in_training_and_removed_by_the_owner_alone(serve, tiny_config, photo):
    with serve(Access("secret")) as (url, backend):
        assert (
            post(url, "start", [*replace(tiny_config, epochs=50).to_dict().values(), None], "secret")[0] == "complete"
        )
        (run,) = backend.store.runs()
        dropped = upload(url, photo)
        assert REFUSAL in post(url, "pin", [dropped])[1] and pinned(run) is None
        assert post(url, "pin", [dropped], "secret")[0] == "complete" and pinned(run)
        assert REFUSAL in post(url, "unpin", [run.id])[1] and pinned(run)
        visitors = str(run_now(url, "refresh", ["", "newest"]).json()["data"])
        assert "data:image/png" in visitors and "data-unpin" not in visitors and str(run.path) not in visitors
        assert post(url, "unpin", [run.id], "secret")[0] == "complete" and pinned(run) is None


def test_a_photo_goes_to_the_run_that_is_resumed(serve, tiny_config, photo):
    with serve() as (url, backend):
        run = backend.store.create(replace(tiny_config, epochs=50))
        run.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
        assert post(url, "resume", [run.id, upload(url, photo)])[0] == "complete"
        assert pinned(run)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\nhalf", "large", "path"], ids=str)
def test_what_is_no_picture_is_one_sentence_and_nothing_is_stored(serve, tiny_config, photo, tmp_path, content):
    if content == "large":
        Image.new("1", (10_000, 6_000)).save(photo)
    elif content != "path":
        photo.write_bytes(content)
    with serve() as (url, backend):
        broken = {"path": str(tmp_path / "photo.png")} if content == "path" else upload(url, photo)
        run = backend.store.create(tiny_config)
        run.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
        asked = {"start": [*form_values(), broken], "tour": [broken], "resume": [run.id, broken], "pin": [broken]}
        for handler, data in asked.items():
            kind, answer = post(url, handler, data)
            said = json.loads(answer)["error"]
            assert kind == "error" and said.endswith(".") and "Traceback" not in said and str(tmp_path) not in said
        assert backend.store.runs() == [run] and pinned(run) is None and backend.store.active() is None
