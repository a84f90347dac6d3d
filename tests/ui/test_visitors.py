"""Who a visitor is where a GPU is training, and that none reaches what is another's."""

import sys
from dataclasses import replace
from http.cookies import SimpleCookie
from types import SimpleNamespace

import gradio as gr
import pytest
from starlette.testclient import TestClient

from resnet_demo.data.dataset import DataError
from resnet_demo.runs import events, watcher
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.ui import zerogpu
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.visitors import zerogpu_html
from resnet_demo.ui.protection import Protection
from resnet_demo.ui.request_head import Serving
from resnet_demo.ui.tabs.classify import ClassifyTab
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.ui.tabs.zerogpu_training import ZeroGpuTraining
from resnet_demo.ui.visitors import COOKIE, Visitors, greeting, visitor_of, with_visitors
from resnet_demo.ui.zerogpu import QuotaEnded, SliceLauncher, forget_quota, quota_sentence
from resnet_demo.workers.launcher import LaunchError
from tests.support.checkpoints import make_run

ANNA, BERT = "a" * 32, "b" * 32
QUOTA = "You have exceeded your free ZeroGPU quota (90s requested vs. 20s left). Try again in 3:00:00. "


def asks(cookie: str | None, token: str = "") -> SimpleNamespace:
    cookies = {} if cookie is None else {COOKIE: cookie}
    return SimpleNamespace(cookies=cookies, query_params={"token": token}, headers={"host": "me-it.hf.space"})


class Lender:
    """Instead of a GPU: says what it was asked for; refuses where `quota` has ended."""

    def __init__(self):
        self.asked, self.quota = [], True

    def train_slice(self, path, seconds):
        self.asked.append(path)
        if not self.quota:
            raise gr.Error(QUOTA)
        yield events.StepEnded
        zerogpu.RunDirectory(zerogpu.Path(path)).request(PAUSE)


@pytest.fixture
def lender(monkeypatch):
    monkeypatch.setattr(zerogpu, "dataset_of", lambda run, data_dir: None)
    monkeypatch.setattr("resnet_demo.ui.tabs.zerogpu_training.dataset_of", lambda run, data_dir: None)
    return Lender()


@pytest.fixture
def backend(store, tmp_path, lender, monkeypatch):
    monkeypatch.setattr(watcher, "CACHE_TTL_S", 0.0)  # what a test writes is seen at once
    space = Backend.over(store, tmp_path / "data", access=Access("the owner's own"))
    space = replace(space, launcher=SliceLauncher(space.store, space.data_dir))
    return replace(space, visitors=Visitors(space, lender.train_slice))


@pytest.fixture
def tab(backend):
    with gr.Blocks():
        return TrainTab(backend)


@pytest.fixture
def training(backend, tab):
    return ZeroGpuTraining(backend, backend.visitors, tab.form)


def start(training, request, config):
    values = list({**config.to_dict(), "data": "digits"}.values())
    return list(training.start(request, *values))


# --- the cookie -------------------------------------------------------------------------------------------------


def test_who_opens_the_page_gets_a_cookie_and_keeps_it():
    served = Protection(lambda scope, receive, send: _answer(send), Serving(None, None, greeting=greeting))
    client = TestClient(served, base_url="http://localhost")
    assert COOKIE not in client.get("/theme.css").cookies
    first = client.get("/").cookies[COOKIE]
    assert visitor_of(asks(first)) and client.get("/").cookies[COOKIE] == first  # for longer
    assert TestClient(served, base_url="http://localhost").get("/").cookies[COOKIE] != first


async def _answer(send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("secure", "embedded", "site"),
    [(True, True, "samesite=none; secure; partitioned"), (True, False, "samesite=lax"), (False, True, "samesite=lax")],
)
def test_in_another_sites_frame_the_cookie_is_one_that_comes_back(secure, embedded, site):
    made = greeting({}, secure, embedded)
    assert made.lower().endswith(f"httponly; {site}")
    assert len(SimpleCookie(made)[COOKIE].value) == 32 if "Partitioned" not in made else "=" in made


@pytest.mark.parametrize("value", ["", "short", "../" * 11, "a" * 33, "a" * 31 + "/", "ä" * 32])
def test_what_is_no_cookie_of_ours_names_no_folder(value):
    assert visitor_of(asks(value)) is None
    assert f"{COOKIE}={value};" not in greeting({COOKIE: value}, secure=False, embedded=False)


def test_a_folders_name_does_not_say_the_cookie():
    assert ANNA not in visitor_of(asks(ANNA)) and visitor_of(asks(ANNA)) != visitor_of(asks(BERT))


# --- who reaches what -------------------------------------------------------------------------------------------


def test_each_has_their_own_and_the_owner_the_spaces(backend):
    assert backend.of(asks(None)) is backend
    assert backend.of(asks(ANNA, "the owner's own")) is backend
    assert backend.of(asks(ANNA)) is backend.of(asks(ANNA))
    assert backend.of(asks(ANNA)).store.folder != backend.of(asks(BERT)).store.folder


def test_elsewhere_nobody_has(store, tmp_path):
    backend = Backend.over(store, tmp_path, access=Access("the owner's own"))
    assert backend.of(asks(ANNA)) is backend


def test_who_cannot_be_known_again_starts_nothing(backend, training, tiny_config):
    with pytest.raises(gr.Error, match=REFUSAL):
        start(training, asks(None), tiny_config)
    assert "cookie" in zerogpu_html(known=False)


def test_a_visitors_run_is_seen_and_changed_by_them_alone(backend, tab, training, tiny_config):
    start(training, asks(ANNA), tiny_config)
    (run,) = backend.of(asks(ANNA)).store.runs()
    assert backend.store.runs() == backend.of(asks(BERT)).store.runs() == []
    assert run.id in tab.show_status("newest", asks(ANNA))
    for stranger in (asks(BERT), asks(None)):
        assert run.id not in tab.show_status(run.id, stranger)
        with pytest.raises(gr.Error, match=r"no such run|Only the owner"):
            tab.controls.pause_run(run.id, stranger)
        with pytest.raises(gr.Error, match=r"no such run|Only the owner"):
            tab.controls.discarding.discard(run.id, stranger)
    assert run.exists()
    tab.controls.discarding.discard(run.id, asks(ANNA))
    assert not run.exists()


def test_a_visitor_changes_nothing_of_the_spaces(backend, tab, training, tiny_config):
    run = backend.store.create(tiny_config)
    assert run.id in tab.show_status("newest", asks(ANNA))  # looks on
    with pytest.raises(gr.Error, match="not yours"):
        tab.controls.pause_run(run.id, asks(ANNA))
    with pytest.raises(gr.Error, match="not yours"):
        tab.controls.discarding.discard(run.id, asks(ANNA))
    with pytest.raises(gr.Error, match="not yours"):
        list(training.resume(run.id, "", asks(ANNA)))
    start_on, tour, pause, resume, stop, discard = (
        b.interactive for b in tab.controls.show_buttons("newest", asks(ANNA))
    )
    assert (start_on, tour) == (True, True) and not (pause or resume or stop or discard)
    assert run.exists() and run.wanted() == "run"


# --- training ---------------------------------------------------------------------------------------------------


def test_the_run_is_shown_as_starting_until_a_slice_has_it(backend, training, tiny_config):
    values = list({**tiny_config.to_dict(), "data": "digits"}.values())
    told = training.start(asks(ANNA), *values)
    assert next(told)[0] == "newest"
    visitors = backend.of(asks(ANNA))
    assert visitors.watcher.snapshot(now=True).current.status == "starting"
    with pytest.raises(gr.Error, match="training already"):
        list(training.start(asks(ANNA), *values))
    (run,) = visitors.store.runs()
    assert visitors.launcher.active() == run
    visitors.launcher.pause(run)  # while a GPU is waited for
    assert run.wanted() == PAUSE
    told.close()
    assert not visitors.watcher.snapshot(now=True).training


def test_another_visitors_training_keeps_nobody_from_theirs(training, lender, tiny_config):
    told = training.start(asks(ANNA), *{**tiny_config.to_dict(), "data": "digits"}.values())
    next(told)
    start(training, asks(BERT), tiny_config)
    assert len(lender.asked) == 1
    told.close()


def test_when_the_quota_is_back_is_said_until_then(backend, tab, training, lender, tiny_config, monkeypatch):
    lender.quota = False
    monkeypatch.setattr(gr, "Warning", lambda *said, **how: None)
    start(training, asks(ANNA), tiny_config)
    card = tab.show_status("newest", asks(ANNA))
    assert "Come back in 3 h 00 min, at " in card and "20 s are left" in card
    assert "Come back" not in tab.show_status("newest", asks(BERT))
    (run,) = backend.of(asks(ANNA)).store.runs()
    lender.quota = True
    list(training.resume(run.id, "", asks(ANNA)))
    assert "Come back" not in tab.show_status("newest", asks(ANNA))


def test_a_quota_that_is_back_is_not_spoken_of(store):
    store.folder.mkdir(parents=True)
    assert quota_sentence(store) == ""
    QuotaEnded(20, 60).keep(store)
    assert "Come back in 1 min" in quota_sentence(store)
    QuotaEnded(20, -1).keep(store)
    assert quota_sentence(store) == ""
    forget_quota(store)
    forget_quota(store)


def test_a_run_whose_data_cannot_be_had_is_no_run(backend, training, tiny_config, monkeypatch):
    def fails(run, data_dir):
        raise DataError("The server does not answer.")

    monkeypatch.setattr("resnet_demo.ui.tabs.zerogpu_training.dataset_of", fails)
    with pytest.raises(gr.Error, match="does not answer"):
        start(training, asks(ANNA), tiny_config)
    assert backend.of(asks(ANNA)).store.runs() == []


def test_the_owner_trains_in_slices_too_and_in_the_spaces_folder(backend, training, lender, tiny_config):
    start(training, asks(None, "the owner's own"), tiny_config)
    (run,) = backend.store.runs()
    assert lender.asked == [str(run.path)]
    with pytest.raises(LaunchError, match="Train tab"):
        backend.launcher.start(tiny_config)


def test_without_the_platforms_package_it_says_so(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(Exception, match="pip install spaces"):
        with_visitors(Backend.over(store, tmp_path))


def test_a_visitor_classifies_with_their_own_checkpoint_and_nobody_else_does(backend):
    run = make_run(backend.of(asks(ANNA)).store, "of-anna")
    with gr.Blocks():
        tab = ClassifyTab(backend)
    choices = tab.refresh("", "newest", None, asks(ANNA))[2].choices
    assert run.id in [run_id for _, run_id in choices] and tab._info("newest", asks(ANNA)) == run.model_info()
    assert run.id not in [run_id for _, run_id in tab.refresh("other", "newest", None, asks(BERT))[2].choices]
    assert tab._info(run.id, asks(BERT)) is None and tab._info(run.id, None) is None
    assert backend.of(asks(ANNA)).predictor.get().networks is backend.predictor.get().networks
