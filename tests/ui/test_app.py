"""The page as a whole."""

import gradio as gr
import httpx

from app import launch
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui import serving
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.page import MAX_WAITING
from tests.support.asking import run_now


def test_gradios_queue_rests_between_two_looks(store, tmp_path):
    usual = gr.Blocks()._queue
    ours = build_app(Backend.over(store, tmp_path))._queue
    assert set(vars(ours)) == set(vars(usual))  # the names are still Gradio's own
    assert ours.sleep_when_free >= 0.05 and ours.progress_update_sleep_when_free >= 0.05


def test_no_component_waits_where_no_progress_is_shown(store, tmp_path):
    """Else Gradio's script goes through all that ever waited, twice at each poll."""
    waiting = {
        function.api_name: function.get_config()["show_progress_on"]
        for function in build_app(Backend.over(store, tmp_path)).fns.values()
        if function.show_progress == "hidden"
    }
    assert len(waiting) > 50
    assert {name: parts for name, parts in waiting.items() if parts != []} == {}


def test_no_call_passes_by_the_queue_and_its_limit_of_two_answers(serve):
    """A raw POST to `run` is not queued: sixty at once would make sixty answers at once."""
    with serve() as (url, _):
        refused = run_now(url, "classify", [None, "newest", True])
        assert refused.status_code == 404 and "Traceback" not in refused.text
        assert run_now(url, "poll_versions", [NEWEST, ""]).status_code == 200  # cheap, and meant to be asked at once


def test_two_answers_at_a_time_and_an_end_of_the_queue(store, tmp_path):
    page = build_app(Backend.over(store, tmp_path))
    asking = [fn for fn in page.fns.values() if fn.concurrency_id == "classify"]
    assert asking and all(fn.queue and fn.concurrency_limit == 2 for fn in asking)
    assert page._queue.max_size == MAX_WAITING == 64


def test_callers_without_a_session_are_forgotten(store, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr(serving, "MAX_SESSIONS", 3)
    page = build_app(Backend.over(store, tmp_path))
    app, url, _ = launch(page, server_name="127.0.0.1", prevent_thread_lock=True)
    try:
        for caller in range(6):
            body = {"data": [NEWEST, ""], "session_hash": f"caller{caller}"}
            assert httpx.post(f"{url}gradio_api/run/poll_versions", json=body, timeout=30).status_code == 200
        assert len(app.state_holder.session_data) == 3
    finally:
        page.close(verbose=False)


def test_what_polls_lead_to_is_filled_by_one_event_alone(store, tmp_path):
    """It waits for its answer before it asks again. Of two events the older answer could come last, and would stand
    until something changes."""
    config = build_app(Backend.over(store, tmp_path)).get_config_file()
    names = {part["props"].get("elem_id"): part["id"] for part in config["components"]}

    def filled_by(name):
        fillers = [one for one in config["dependencies"] if one["backend_fn"] and names[name] in one["outputs"]]
        assert all(one["trigger_mode"] == "always_last" or "click" in str(one["targets"]) for one in fillers)
        return {one["api_name"] for one in fillers}

    for name in ("runs", "runs-curves", "runs-differences", "runs-again", "runs-rename", "runs-delete", "runs-export"):
        assert filled_by(name) == {"refresh_runs"}
    assert filled_by("status") == {"status"} and filled_by("loss-chart") == {"points"}
    assert filled_by("pause") == filled_by("stop") == filled_by("discard") == filled_by("configuration") == {"states"}
    for name in ("start", "tour", "resume"):
        assert filled_by(name) == {"states", "lambda"}  # by the press, too, which turns them off
    assert filled_by("plan") == filled_by("schedule") == {"plan_text"}
    assert filled_by("classify-answer") == {"show_answer"} and filled_by("classify-known") == {"show_known"}


def test_the_last_of_several_choices_is_the_one_that_is_shown(store, tmp_path):
    """Gradio drops what comes while an event waits for its answer, unless it is told to ask once more. Then it asks
    with what the components hold by then, and with the first event's data: a choice that comes with the event would be
    lost. So it is written into a component first, by the page's own script."""
    config = build_app(Backend.over(store, tmp_path)).get_config_file()
    dropping = [
        one["api_name"]
        for one in config["dependencies"]
        if one["backend_fn"] and one["trigger_mode"] == "once"
        if {"change", "input", "select"} & {event for _, event in one["targets"]}
    ]
    assert dropping == []
    asking_again = [one for one in config["dependencies"] if one["trigger_mode"] == "always_last"]
    assert asking_again and not [one["api_name"] for one in asking_again if one["collects_event_data"]]


def test_what_must_not_wait_is_wired_first(store, tmp_path):
    """Gradio runs what is wired to one event of one component one after the other: a button would be turned off once
    its run has begun, and what is typed would be kept once the plan for it was made."""
    config = build_app(Backend.over(store, tmp_path)).get_config_file()
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    first = {}
    for one in config["dependencies"]:
        for part, event in one["targets"]:
            first.setdefault((names.get(part), event), one)
    assert [first[name, "click"]["api_name"] for name in ("start", "tour", "resume")] == ["lambda"] * 3
    fields = [key for key in first if str(key[0]).startswith("setting-") and key[1] == "change"]
    assert len(fields) > 20 and all("sessionStorage" in str(first[key]["js"]) for key in fields)
