"""The page's handlers over HTTP: what they answer, what they change, and for whom."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from PIL import Image

from resnet_demo.data.framing import fit
from resnet_demo.data.images import load_image
from resnet_demo.language import chinese, in_language
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.pinned import PinnedFile
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.form import FIELDS, TrainForm
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.workers.worker import Worker
from tests.support.asking import post, run_now
from tests.support.image_folders import fill

PLAIN = ["newest", 0, "epoch", False, False, ""]  # curves without smoothing, along the whole epochs
CHARTS, CARD, ENDED, BUTTONS = slice(6), -1, 4, slice(6, 13)  # where they stand in the answers
CHANGING = {
    "start": None,
    "tour": [],
    "pause": ["some"],
    "resume": ["some", ""],
    "stop": ["some"],
    "ask_discard": ["newest"],
    "discard": ["newest"],
    "pin": [None, "newest"],
    "unpin": ["newest"],
}


def ask(url, handler, *question):
    """What a page shows of a part that has changed."""
    return run_now(url, handler, [*question]).json()["data"]


def status(url, chosen="newest"):
    (card,) = ask(url, "status", chosen)
    return card


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
    long_config = replace(tiny_config, epochs=50)
    with serve(Access("secret")) as (url, backend):
        kind, answer = post(url, "start", list(long_config.to_dict().values()), "secret")
        assert kind == "complete" and "newest" in answer and re.search("starting|preparing|training", status(url))
        (run,) = backend.store.runs()
        assert run.config() == long_config and backend.store.active() == run
        assert post(url, "start", form_values(), "secret")[0] == "error"  # one at a time
        assert post(url, "stop", [run.id], "secret")[0] == "complete"
        assert backend.launcher.wait_until_idle(60)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "Epochs must be from 1 to 1000"),
        ({"batch_size": 2, "processes": 4}, "too small for 4 processes"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_starts(serve, changes, words):
    with serve() as (url, backend):
        values = form_values()
        for name, value in changes.items():
            values[FIELDS.index(name)] = value
        kind, answer = post(url, "start", values)
        assert kind == "error" and backend.store.runs() == []
        assert words in answer


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
    with gr.Blocks():
        form = TrainForm(("digits",), preset_config("tour"))
        with pytest.raises(gr.Error, match="not offered"):
            form.config(form_values(data="folder:/etc"))
        with pytest.raises(gr.Error, match="not offered"):
            form.fill("fast", "folder:/etc")


def test_settings_that_do_not_go_together_get_a_sentence_under_the_field():
    with gr.Blocks():
        form = TrainForm(("digits",), preset_config("tour"))

    def said(**changes):
        values = {**preset_config("tour").to_dict(), **changes}
        return dict(re.findall(r'#setting-(\w+)::after { content: "([^"]*)"; }', form.show_changes(*values.values())))

    assert said() == said(arch="plain20") == {}
    assert said(arch="plain20", shortcut="A").keys() == {"shortcut"}
    assert "shortcuts B alone" in said(arch="resnet20", start_from="torchvision")["start_from"]
    assert said(arch="plain20", shortcut="A", epochs=0).keys() == {"epochs"}


def test_nobody_is_sent_where_the_server_keeps_its_images(tmp_path):
    """Whoever opens the page gets its whole config; what is chosen there leads to the folder all the same."""
    sources = ["folder:/srv/one/flowers", "folder:/srv/two/flowers"]
    page = build_app(Backend.over(RunStore(tmp_path / "runs"), tmp_path / "data", sources, Access("secret")))
    assert "/srv" not in json.dumps(page.get_config_file())
    with gr.Blocks():
        form = TrainForm([*sources, "digits"], preset_config("fast", data=sources[0]))
    shown = form.show(preset_config("accurate", data=sources[1]))[: len(FIELDS)]
    shown[FIELDS.index("preset")] = "accurate"
    assert "/srv" not in str(shown) and form.config(shown) == preset_config("accurate", data=sources[1])


def test_only_devices_that_are_here_are_offered(store, tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_demo.training.device.available_devices", lambda: ["cpu"])
    with gr.Blocks():
        tab = TrainTab(Backend.over(store, tmp_path / "data"))
    assert [value for _, value in tab.planning.prepare().choices] == ["auto", "cpu"]


def test_the_plan_is_made_anew_as_a_run_begins_and_ends(store, tmp_path):
    with gr.Blocks() as page:
        tab = TrainTab(Backend.over(store, tmp_path / "data"))
    (planning,) = (fn for fn in page.fns.values() if tab.planning.plan in fn.outputs)
    assert (tab.seen_training._id, "change") in planning.targets


def built_values(tab):
    return [widget.value for widget in tab.form.widgets]


def test_a_gpu_is_this_machines_first_choice_and_not_what_was_typed_meanwhile_or_before_a_reload(
    store, tmp_path, monkeypatch
):
    with gr.Blocks():
        tab = TrainTab(Backend.over(store, tmp_path / "data"))
    cuda = SimpleNamespace(device=SimpleNamespace(type="cuda"))
    monkeypatch.setattr("resnet_demo.training.device.choose_device", lambda *_: cuda)
    values, epochs = built_values(tab), FIELDS.index("epochs")
    assert tab.planning.fill_untouched(*values, "")[epochs] == preset_config("accurate").epochs
    typed = [*values[:epochs], 7, *values[epochs + 1 :]]
    assert tab.planning.fill_untouched(*typed, "")[epochs] == gr.skip()
    assert tab.planning.fill_untouched(*values, "yes")[epochs] == gr.skip()  # chosen so before a reload


def test_what_a_preset_is_for_is_said_in_the_visitors_language(store, tmp_path):
    with gr.Blocks():
        tab = TrainTab(Backend.over(store, tmp_path / "data"))
    preset = FIELDS.index("preset")
    with in_language("zh"):
        told = [
            tab.form.told_by(built_values(tab))[preset]["info"],
            tab.form.show(preset_config("fast"))[preset]["info"],
        ]
    assert told == [chinese()[PRESETS["fast"].summary]] * 2


def test_the_digits_come_and_go_with_the_tour():
    folder = "folder:/srv/flowers"
    with gr.Blocks():
        form = TrainForm([folder, "cifar10", "digits"], preset_config("fast", data=folder))

    def filled(preset, data, before):
        return form.fill(preset, data, before)[FIELDS.index("data")]

    (of_folder,) = [name for label, name in form["data"].choices if label == "Folder flowers"]
    assert filled("tour", "cifar10", "fast") == "digits"
    assert filled("fast", "digits", "tour") == of_folder  # what the app was started with
    assert filled("fast", "cifar10", "tour") == "cifar10"  # chosen by hand
    assert filled("accurate", "digits", "fast") == "digits"


def test_a_paused_run_that_is_not_in_front_can_be_chosen_and_resumed(serve, tiny_config):
    with serve() as (url, backend):
        paused, newer = backend.store.create(replace(tiny_config, epochs=50)), backend.store.create(tiny_config)
        place = {"epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
        paused.append(events.RunPaused(time=1.0, **place))
        newer.append(events.RunEnded(time=2.0, **place, outcome="stopped"))
        assert "stopped" in status(url) and "paused" in status(url, paused.id)
        assert post(url, "resume", [paused.id, ""])[0] == "complete"
        assert backend.store.active() == paused


def test_the_page_offers_its_folders_where_a_waiting_runs_own_is_gone(store, tiny_config, tmp_path):
    (tmp_path / "after").mkdir()
    backend = Backend.over(store, tmp_path, [f"folder:{tmp_path / 'after'}"])
    run = store.create(replace(tiny_config, data=f"folder:{tmp_path / 'before'}"))
    run.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
    with gr.Blocks():
        tab = TrainTab(backend)
    shown = backend.watcher.snapshot().shown(run.id)
    assert tab.form.folder_choices == [("Where it was", ""), ("Folder after", "folder:0")]
    assert tab.form.source("folder:0") == f"folder:{tmp_path / 'after'}"
    assert tab.controls.may_have_moved(shown)
    (tmp_path / "before").mkdir()
    assert not tab.controls.may_have_moved(shown)


def test_a_run_goes_on_in_the_folder_that_its_owner_chose(serve, tiny_config, tmp_path):
    before, after = fill(tmp_path / "before", {"heads": 20, "tails": 20}), tmp_path / "after"
    config = replace(tiny_config, data=f"folder:{before}", arch="resnet20", epochs=1, batch_size=8)
    with serve(folders=[f"folder:{after}"]) as (url, backend):
        run = backend.store.create(replace(config, train_images=0, test_images=0, validation_images=0))
        for event in Worker(run, backend.data_dir).work():
            if isinstance(event, events.StepEnded) and event.step == 1:
                run.request(PAUSE)
        before.rename(after)
        assert post(url, "resume", [run.id, "folder:0"])[0] == "complete"
        assert backend.launcher.wait_until_idle(60)
        assert run.view().ended.outcome == "finished" and run.config().data == f"folder:{after}"


def test_the_run_that_was_agreed_to_is_discarded_and_no_other(serve, tiny_config):
    with serve(Access("secret")) as (url, backend):
        named, newer = backend.store.create(tiny_config), backend.store.create(tiny_config)
        assert post(url, "discard", [named.id], "wrong")[0] == "error"
        assert post(url, "discard", [""], "secret")[0] == "complete"  # the person said no
        kind, answer = post(url, "discard", ["../runs"], "secret")
        assert kind == "error" and "no such run" in answer
        assert backend.store.runs() == [newer, named]
        assert post(url, "discard", [named.id], "secret")[0] == "complete"
        assert backend.store.runs() == [newer]


def test_a_chosen_run_that_is_gone_leaves_the_newest_chosen(serve, tiny_config):
    with serve() as (url, backend):
        kept = backend.store.create(tiny_config)
        assert "value" not in ask(url, "states", "", kept.id)[1]
        assert ask(url, "states", "", "deleted")[1]["value"] == "newest"


def test_a_poll_brings_a_version_for_each_part_and_no_more(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        first, again = (run_now(url, "poll_versions", ["newest", ""]) for _ in range(2))
        assert first.json()["data"] == again.json()["data"] and len(again.content) < 300
        charts = ask(url, "points", *PLAIN)[CHARTS]
        assert len(charts) == 6 and all("<svg" in chart for chart in charts) and "interrupted" in status(url)
        run.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
        backend.watcher.snapshot(now=True)
        both = {*ask(url, "poll_versions", "newest", ""), *again.json()["data"]}
        assert len(both) == 11  # all but those of checkpoints and evaluations, and how soon to ask again


def test_the_curves_are_drawn_as_the_page_wants_them(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        place = {"time": 1.0, "epoch": 1, "images_seen": 16, "elapsed_s": 2.0}
        for step in (1, 2):
            run.append(
                events.MetricsLogged(
                    **place, step=step, train_loss=float(step), train_accuracy=0.5, learning_rate=0.1, images_per_s=9.0
                )
            )
        plain, chosen = ask(url, "points", *PLAIN), ask(url, "points", "newest", 0.5, "time", False, False, "")
        assert "raw" in chosen[0] and "time (s)" in chosen[0] and "raw" not in plain[0] and "epoch" in plain[0]
        for wrong in ([2, "epoch"], [0, "moon"], [None, None]):
            assert "Smoothing goes from 0 to 0.9" in run_now(url, "points", ["newest", *wrong, False, False, ""]).text
        zooms = ("step 1 1.5", "epoch 1 1.5")
        part, other = (ask(url, "points", "newest", 0, "step", True, False, zoom) for zoom in zooms)
        assert 'viewBox="1 ' in part[0] and 'viewBox="0 ' in other[0] and "data-log" in part[0]
        for wrong in ("epoch 2", "epoch 2 1", "epoch a b", "epoch nan 3"):
            assert "two numbers" in run_now(url, "points", ["newest", 0, "epoch", False, False, wrong]).text
        assert "“Smoothing” must be a number" in run_now(url, "points", ["newest", "a", "epoch", False, False, ""]).text


def test_the_end_of_a_run_is_announced_to_a_page_that_saw_it_training(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        place = {"epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
        with run.lock:
            saw_it, *_ = ask(url, "states", "", "newest")
            assert ask(url, "states", saw_it, "newest")[ENDED] == ""
        run.append(events.RunEnded(time=2.0, **place, outcome="failed", message="The disk is full."))
        backend.watcher.snapshot(now=True)
        after = ask(url, "states", saw_it, "newest")
        assert after[ENDED] == run.id
        assert ask(url, "states", "", "newest")[ENDED] == ""  # a page opened afterwards
        backend.store.create(tiny_config)
        backend.watcher.snapshot(now=True)
        assert ask(url, "states", after[0], "newest")[ENDED] == ""  # once


def test_a_page_that_shows_a_run_is_told_when_its_folder_is_gone(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        with run.lock:
            assert "starting" in status(url)
            shutil.rmtree(run.path)
            backend.watcher.snapshot(now=True)
            assert "is gone: its folder was deleted" in status(url) and "no run yet" in status(url)


def test_the_plan_names_the_device_and_the_duration(serve):
    with serve() as (url, _):
        plan, _ = Client(url, verbose=False).predict(*form_values(device="cpu"), api_name="/plan_text")
        assert "Trains on CPU" in plan and "Takes about" in plan and "images/s" in plan
        cifar, _ = Client(url, verbose=False).predict(*form_values(data="cifar10"), api_name="/plan_text")
        assert "Downloads CIFAR-10 (170 MB) first." in cifar


def test_the_plan_names_the_weights_that_are_fetched_unless_they_are_there(serve):
    with serve() as (url, backend):

        def plan(**changes):
            return Client(url, verbose=False).predict(*form_values(device="cpu", **changes), api_name="/plan_text")[0]

        assert "Downloads" not in plan()
        both = plan(data="cifar10", start_from="torchvision")
        assert "Downloads CIFAR-10 (170 MB) and torchvision's weights (103 MB) first." in both
        assert "weights (47 MB) first" in plan(arch="resnet18", start_from="torchvision")
        kept = backend.data_dir / "torchvision" / "resnet50-11ad3fa6.pth"
        kept.parent.mkdir(parents=True)
        kept.touch()
        assert "Downloads" not in plan(start_from="torchvision")


def test_a_visitors_buttons_are_all_off(serve):
    with serve(Access("secret")) as (url, _):
        buttons = ask(url, "states", "", "newest")[BUTTONS]
        assert [button["interactive"] for button in buttons] == [False] * 7


def test_nothing_of_ours_is_public_but_what_is_meant(serve):
    with serve() as (url, _):
        public = Client(url, verbose=False).view_api(return_format="dict")["named_endpoints"]
        assert set(public) == {"/classify", "/evaluate"}


@pytest.mark.parametrize(("host", "shared", "space", "open_to_all"), [
    ("127.0.0.1", False, False, True), ("::1", False, False, True), ("[::1]", False, False, True),
    ("localhost", False, False, True), ("127.0.0.1", True, False, False), ("0.0.0.0", False, False, False),
    ("192.168.1.5", False, False, False), ("127.0.0.1", False, True, False), ("example.org", False, False, False),
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


# --- the pinned image -------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.radial_gradient("L").convert("RGB").crop((0, 0, 200, 90)).save(path)
    return path


def upload(url, path):
    """Hand a file to Gradio, as the page does; returns what the page then sends in its place."""
    with path.open("rb") as file:
        (kept,) = httpx.post(f"{url}gradio_api/upload", files={"files": file}, timeout=30).json()
    return {"path": kept, "meta": {"_type": "gradio.FileData"}}


def pinned(run):
    return PinnedFile(run).read()


def test_an_image_that_waits_in_the_page_goes_to_the_run_that_starts(serve, tiny_config, image):
    with serve(Access("secret")) as (url, backend):
        waiting = upload(url, image)
        assert post(url, "pin", [waiting, "newest"], "secret")[0] == "complete" and backend.store.runs() == []
        assert post(url, "start", list(replace(tiny_config, epochs=50).to_dict().values()), "secret")[0] == "complete"
        assert post(url, "pin", [waiting, "newest"], "secret") == ("complete", "[null]")
        (run,) = backend.store.runs()
        assert pinned(run).image == fit(load_image(image))
        assert "data:image/png" in ask(url, "points", *PLAIN)[CARD]


def test_a_pinned_image_is_seen_by_everyone_and_changed_by_the_owner_alone(serve, tiny_config, image):
    with serve(Access("secret")) as (url, backend):
        run = backend.store.create(replace(tiny_config, epochs=50))
        run.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
        dropped = upload(url, image)
        assert post(url, "resume", [run.id, ""], "secret")[0] == "complete"
        assert REFUSAL in post(url, "pin", [dropped, run.id])[1] and pinned(run) is None
        assert post(url, "pin", [dropped, run.id], "secret")[0] == "complete" and pinned(run)
        assert REFUSAL in post(url, "unpin", [run.id])[1] and pinned(run)
        visitors = str(ask(url, "points", *PLAIN))
        assert "data:image/png" in visitors and "data-unpin" not in visitors and str(run.path) not in visitors
        assert post(url, "unpin", [run.id], "secret")[0] == "complete" and pinned(run) is None


def test_what_acts_on_a_run_acts_on_the_one_that_the_page_shows(store, tmp_path):
    """By the card's own word: which is newest may have changed since it was drawn."""
    page = build_app(Backend.over(store, tmp_path / "data"))
    scripts = {fn["api_name"]: fn["js"] for fn in page.get_config_file()["dependencies"]}
    for handler in ("pause", "resume", "stop", "ask_discard", "unpin"):
        assert ".run-card" in scripts[handler], handler


def test_before_a_run_is_deleted_it_is_said_what_is_lost(serve, tiny_config):
    with serve() as (url, backend):
        run = backend.store.create(tiny_config)
        asked = run_now(url, "ask_discard", [run.id]).text
        assert "All its files are deleted" in asked and "without saving" not in asked
        with backend.store.training(run):
            assert "ends without saving" in run_now(url, "ask_discard", [run.id]).text


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\nhalf", "large", "path"], ids=str)
def test_what_is_no_image_is_one_sentence(serve, image, tmp_path, content):
    if content == "large":
        Image.new("1", (10_000, 6_000)).save(image)
    elif content != "path":
        image.write_bytes(content)
    with serve() as (url, _):
        kind, answer = post(url, "pin", [{"path": str(image)} if content == "path" else upload(url, image), "newest"])
        said = json.loads(answer)["error"]
        assert kind == "error" and said.endswith(".") and "Traceback" not in said and str(tmp_path) not in said


def test_an_image_goes_to_the_run_that_the_page_shows_and_to_no_other(serve, tiny_config, image):
    with serve() as (url, backend):
        shown, trains = backend.store.create(tiny_config), backend.store.create(tiny_config)
        shown.append(events.RunPaused(time=1.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0))
        with trains.lock:
            assert post(url, "pin", [upload(url, image), shown.id])[0] == "complete"
            assert pinned(shown) is None and pinned(trains) is None  # it waits in the page, whose label says so
            assert "next run you start" in str(ask(url, "states", "", shown.id))
            assert post(url, "pin", [upload(url, image), trains.id]) == ("complete", "[null]")
            assert pinned(trains)


def test_a_part_of_an_epoch_is_refused_and_not_rounded(serve):
    with serve() as (url, backend):
        values = form_values()
        values[FIELDS.index("epochs")] = 2.5
        kind, answer = post(url, "start", values)
        assert kind == "error" and "Epochs must be a whole number, not 2.5" in answer and backend.store.runs() == []


@pytest.mark.parametrize("handler", ["pause", "stop"])
def test_what_is_asked_of_one_run_is_not_done_to_another(serve, tiny_config, handler):
    """A page shows a run that has ended meanwhile, and another one trains."""
    with serve() as (url, backend):
        shown, trains = backend.store.create(tiny_config), backend.store.create(tiny_config)
        with trains.lock:
            kind, answer = post(url, handler, [shown.id])
            assert kind == "error" and f"'{shown.id}' is not training now" in answer
            assert trains.wanted() == "run"
