"""Calls by hand, with what no page sends: a sentence to the caller, one line on the terminal at most, never a trace."""

import json

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from resnet_demo.runs.store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.page import MAX_TEXT, NO_WEB_ADDRESS, checked
from resnet_demo.ui.protection import FAILED, NOT_UNDERSTOOD
from tests.support.asking import last_event, post, run_now

URL = "http://127.0.0.1:1/image.png"
FILE = {"path": URL, "meta": {"_type": "gradio.FileData"}}


def handlers(url):
    """Each that can be called by hand, how many values it takes, and whether it waits in the queue."""
    config = httpx.get(f"{url}config", timeout=30).json()
    return [(fn["api_name"], len(fn["inputs"]), fn["queue"]) for fn in config["dependencies"] if fn["backend_fn"]]


def refusal(client, url, name, is_queued, content) -> str:
    """What a handler says against this, '' where it takes it. What is queued answers at another address."""
    answer = client.post(f"{url}gradio_api/{'call' if is_queued else 'run'}/{name}", content=content)
    said = answer.json()
    if answer.status_code != 200:
        assert answer.status_code in (400, 413), (name, said)
        return said.get("detail") or said["error"]
    if not is_queued:
        return ""
    kind, data = last_event(client, f"{url}gradio_api/call/{name}/{said['event_id']}")
    assert kind in ("complete", "error"), (name, data)
    return "" if kind == "complete" else json.loads(data)["error"]


ODD = [
    None, [], [[[]]], {}, {"a": 1}, True, -1, 1.5, 10**300, "", "x", "\x00", "../x", "NaN", "null", FILE,
    "x" * (MAX_TEXT + 1), float("nan"),
]  # fmt: skip


@pytest.mark.timeout(900)  # a thousand calls
def test_whatever_is_sent_is_answered_by_a_sentence_without_a_trace(serve, capfd):
    kind = {"content-type": "application/json"}
    with serve() as (url, backend), httpx.Client(headers=kind, timeout=60) as client:
        for name, count, is_queued in handlers(url):
            for odd in ODD:
                content = json.dumps({"data": [odd] * max(1, count)})
                said = refusal(client, url, name, is_queued, content)
                assert said == "" or said.strip()[-1] in ".])", (name, str(odd)[:50], said)
        assert backend.store.active() is None
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err + printed.out and printed.err == ""


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ("a text", "must be a file that was uploaded."),
        ([[["x"]]], "must be a file that was uploaded."),
        (FILE, NO_WEB_ADDRESS),
        ({"path": URL}, NO_WEB_ADDRESS),
        (None, "There is no uploaded"),
    ],
    ids=str,
)
def test_the_public_endpoint_says_what_is_wrong(serve, capfd, odd, words):
    with serve() as (url, _):
        kind, answer = post(url, "classify", [odd, "newest", True])
        assert kind == "error" and words in json.loads(answer)["error"]
    assert "Traceback" not in "".join(capfd.readouterr())


def test_no_web_address_is_fetched_wherever_it_stands(serve):
    with serve() as (url, _):
        client = Client(url, verbose=False)
        with pytest.raises(AppError, match="A web address is not fetched here"):
            client.predict(handle_file("https://192.0.2.1/image.png"), "newest", api_name="/classify")
        description = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/classify"]
        assert "a web address is not fetched" in description["description"]
        for handler, values in [("status", [FILE]), ("poll_versions", ["newest", FILE]), ("show_known", [FILE])]:
            assert "must be a text" in run_now(url, handler, values).json()["error"]


def test_too_few_values_and_unknown_functions_are_sentences(serve, capfd):
    with serve() as (url, _):
        assert run_now(url, "points", []).json()["error"] == "This takes 6 values, not 0."
        for call, body in [
            ("run/nothing", {"data": []}),
            ("call/nothing", {"data": []}),
            ("call/v2/nothing", {}),
            ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "x"}),
            ("component_server", {"data": [], "component_id": 9999, "fn_name": "x", "session_hash": "x"}),
        ]:
            answer = httpx.post(f"{url}gradio_api/{call}", json=body, timeout=30)
            assert answer.status_code in (400, 404) and answer.json()["detail"] == NOT_UNDERSTOOD, call
        assert httpx.post(f"{url}gradio_api/run/poll_versions", content="[" * 100_000, timeout=30).status_code in (
            400,
            422,
        )
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err and len(printed.err.splitlines()) == 5


def test_a_fault_of_ours_is_one_line_with_its_place(serve, capfd, monkeypatch):
    with serve() as (url, backend):
        monkeypatch.setattr(type(backend.watcher), "snapshot", lambda *_, **__: 1 / 0)
        answer = run_now(url, "status", ["newest"])
        assert answer.status_code == 500 and answer.json()["error"] == FAILED
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("status: ZeroDivisionError: division by zero (") and "test_page.py:" in line


def test_every_choice_that_the_page_offers_is_taken(tmp_path):
    page = build_app(Backend.over(RunStore(tmp_path / "runs"), tmp_path / "data"))
    offered = [
        (component, value)
        for component in page.blocks.values()
        if isinstance(component, gr.Radio | gr.Dropdown)
        for _, value in component.choices
    ]
    assert {type(value) for _, value in offered} == {str, int}
    for component, value in offered:
        assert checked([component], [value]) == [value]
