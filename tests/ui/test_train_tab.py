"""The page's handlers over HTTP: what they answer, what they change, and for whom."""

import json
from dataclasses import replace

import gradio as gr
import httpx
import pytest
from gradio_client import Client

from resnet_demo.training import events
from resnet_demo.training.config import preset_config
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.form import FIELDS, TrainForm

CHANGING = {"start": None, "tour": [], "pause": [], "resume": ["newest"], "stop": []}


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


def form_values(**changes):
    return list(replace(preset_config("tour"), **changes).to_dict().values())


@pytest.mark.parametrize("handler", CHANGING)
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_token_nothing_changes(serve, handler, token):
    with serve(Access("secret")) as (url, backend):
        kind, answer = post(url, handler, form_values() if handler == "start" else CHANGING[handler], token)
        assert kind == "error" and REFUSAL in json.loads(answer)["error"]
        assert backend.store.runs() == []


def test_with_the_token_a_run_starts_and_stops(serve, tiny_config):
    with serve(Access("secret")) as (url, backend):
        kind, answer = post(url, "start", list(tiny_config.to_dict().values()), "secret")
        assert kind == "complete" and "training" in answer
        (run,) = backend.store.runs()
        assert run.config() == tiny_config and backend.store.active() == run
        assert post(url, "start", form_values(), "secret")[0] == "error"  # one at a time
        assert post(url, "stop", [], "secret")[0] == "complete"
        assert backend.launcher.wait_until_idle(60)


def test_a_wrong_setting_is_named_and_nothing_starts(serve):
    with serve() as (url, backend):
        values = form_values()
        values[FIELDS.index("epochs")] = 0
        kind, answer = post(url, "start", values)
        assert kind == "error" and backend.store.runs() == []
        assert "Epochs must be from 1 to 1000" in answer


def test_only_a_run_of_this_folder_can_be_started_from(serve):
    with serve() as (url, backend):
        for start_from, words in [("run:../../etc", "There is no run"), ("/etc/passwd", "must be empty")]:
            values = form_values()
            values[FIELDS.index("start_from")] = start_from
            kind, answer = post(url, "start", values)
            assert kind == "error" and words in answer and backend.store.runs() == []


def test_only_sources_that_are_offered_can_be_trained_on(serve):
    """Gradio's dropdown refuses what it does not offer; behind it the form does."""
    with serve() as (url, backend):
        kind, answer = post(url, "start", form_values(data="folder:/etc"))
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
        assert post(url, "resume", [paused.id])[0] == "complete"
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
        buttons = run_now(url, "refresh", ["", "newest"]).json()["data"][-5:]
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
