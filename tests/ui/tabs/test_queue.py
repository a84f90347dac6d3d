"""The queue in the Train tab: who may plan, move, remove and go on, and what a page is shown."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from resnet_demo.runs import events
from resnet_demo.runs.planning import plan_runs
from resnet_demo.runs.queue import Queue
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.workers.launcher import Launcher
from resnet_demo.workers.machine_speed import MatmulRate
from tests.support.asking import post, run_now
from tests.support.snapshots import PLACE

ACTS = ("up", "down", "remove", "start")


@pytest.fixture
def panel(store, tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_demo.runs.watcher.CACHE_TTL_S", 0.0)  # what a test plans is seen at once
    with gr.Blocks():
        return TrainTab(Backend.over(store, tmp_path / "data")).queue


@pytest.fixture
def planned(store, tiny_config):
    return plan_runs(store, [replace(tiny_config, epochs=epochs) for epochs in (2, 3, 4)])


@pytest.fixture
def starts(monkeypatch):
    """How often the queue was told to go on."""
    told = []
    monkeypatch.setattr(Launcher, "start_next", lambda self: told.append(True))
    return told


def press(panel, act, run=None, request=None):
    sent = {"act": act} | ({"run": run.id} if run else {})
    panel.act(gr.EventData(None, sent), request)


def order(store):
    return Queue(store.folder).runs()


def rows(shown: str) -> list[str]:
    return re.findall(r'<li data-run="([^"]+)"', shown)


def test_the_form_is_planned_and_a_page_sees_it(serve, tiny_config, starts):
    with serve() as (url, backend):
        versions = run_now(url, "poll_versions", ["newest", ""]).json()["data"]
        assert run_now(url, "queue", [""]).json()["data"] == [""]  # no panel where nothing is planned
        for epochs in (2, 3):
            values = list(replace(tiny_config, epochs=epochs).to_dict().values())
            assert post(url, "plan", values)[0] == "complete"
        first, second = order(backend.store)
        assert (first.config().epochs, second.config().epochs) == (2, 3) and starts == []
        now = run_now(url, "poll_versions", ["newest", ""])
        assert now.json()["data"][0] != versions[0] and len(now.content) < 300
        (shown,) = run_now(url, "queue", [""]).json()["data"]
        assert rows(shown) == [first.id, second.id] and shown.count('data-act="remove"') == 2
        assert (
            "2 planned runs" in shown
            and "The queue is on hold: no run is training." in shown
            and 'data-act="start"' in shown
        )
        assert "queued" in run_now(url, "status", [second.id]).json()["data"][0]
        wrong = post(url, "plan", list((tiny_config.to_dict() | {"epochs": 0}).values()))
        assert wrong[0] == "error" and "Epochs must be from 1" in wrong[1] and len(order(backend.store)) == 2


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_visitor_looks_and_changes_nothing(serve, tiny_config, token, starts):
    with serve(Access("secret")) as (url, backend):
        planned = plan_runs(backend.store, [tiny_config] * 2)
        kind, answer = post(url, "plan", list(tiny_config.to_dict().values()), token)
        assert kind == "error" and REFUSAL in json.loads(answer)["error"]
        kind, answer = post(url, "change_queue", [], token)
        assert kind == "error" and REFUSAL in json.loads(answer)["error"]
        assert order(backend.store) == planned and starts == []
        (shown,) = run_now(url, "queue", [""]).json()["data"]
        assert rows(shown) == [run.id for run in planned] and "<button" not in shown


@pytest.mark.parametrize("act", ACTS)
def test_each_press_asks_who_presses(store, tmp_path, planned, act, starts):
    with gr.Blocks():
        panel = TrainTab(Backend.over(store, tmp_path / "data", access=Access("secret"))).queue
    with pytest.raises(gr.Error, match="Only the owner"):
        press(panel, act, planned[1])
    assert order(store) == planned and starts == []


def test_presses_move_remove_and_go_on(store, panel, planned, starts):
    first, second, third = planned
    press(panel, "up", third)
    assert order(store) == [first, third, second]
    press(panel, "down", first)
    assert order(store) == [third, first, second]
    press(panel, "up", third)  # the first stays
    press(panel, "down", second)
    assert order(store) == [third, first, second]
    press(panel, "remove", first)
    assert order(store) == [third, second] and not first.path.exists()
    press(panel, "start")
    assert starts == [True]


@pytest.mark.parametrize(
    "sent", [{}, {"act": None}, {"act": []}, {"act": "delete"}, {"act": "up"}, {"act": "up", "run": ["x"]},
             {"act": "remove", "run": "../.."}, {"act": "down", "run": None}, [], "up", None],
)  # fmt: skip
def test_a_raw_request_may_send_anything(store, panel, planned, starts, sent):
    with pytest.raises(gr.Error):
        panel.act(gr.EventData(None, sent), None)
    assert order(store) == planned and starts == []


def test_a_run_that_does_not_wait_is_not_moved(store, panel, run, planned):
    run.append(events.RunPaused(**PLACE))
    for act in ("up", "down", "remove"):
        with pytest.raises(gr.Error, match="queue"):
            press(panel, act, run)
    assert order(store) == planned and run.exists()


def test_how_long_each_takes_is_asked_once_torch_is_there(panel, planned, monkeypatch):
    asked = []
    monkeypatch.setattr(type(panel), "_estimate", lambda self, one, runs: asked.append(one.run) or 60.0)
    assert "about" not in panel.show("", None) and asked == []
    shown = panel.show("yes", None)
    assert shown.count("about 1 min 00 s") == 3 and "about 3 min in all" in shown
    assert panel.show("yes", None) == shown and asked == planned  # a second of the machine each


def test_what_the_estimate_says_stands_in_the_list(panel, planned, monkeypatch):
    monkeypatch.setattr("resnet_demo.workers.estimate.matmul_rate", lambda *_: MatmulRate(1e12, 1e12))
    assert re.search(r"about \d+ s", panel.show("yes", None))


def test_the_list_names_no_folder_of_the_server(store, panel, tiny_config):
    plan_runs(store, [replace(tiny_config, data="folder:/srv/<secret>/flowers")])
    shown = panel.show("", None)
    assert "flowers" in shown and "/srv" not in shown and "<secret>" not in shown


def test_where_a_gpu_is_lent_there_is_no_queue(store, tmp_path):
    backend = replace(Backend.over(store, tmp_path / "data"), visitors=SimpleNamespace(train_slice=None))
    config = build_app(backend).get_config_file()
    assert not {one["api_name"] for one in config["dependencies"]} & {"plan", "queue", "change_queue"}
    (button,) = [one for one in config["components"] if one["props"].get("elem_id") == "plan-run"]
    assert button["props"]["visible"] is False


def test_a_planned_run_waits_for_its_turn_or_is_started_now(serve, tiny_config):
    with serve() as (url, backend):
        (run,) = plan_runs(backend.store, [replace(tiny_config, epochs=50)])
        (card,) = run_now(url, "status", [run.id]).json()["data"]
        assert "≡ queued" in card and "Planned: 1 of 1 in the queue. Press Resume to train it now." in card
        assert post(url, "resume", [run.id, ""])[0] == "complete"
        assert backend.store.active() == run and order(backend.store) == []
