"""The Classify tab over HTTP, as the page and its public endpoint call it; what a raw request must not reach."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from resnet_demo.data.images import load_image
from resnet_demo.inference.predictor import Prediction, Predictor
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import checkpoint_text
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.answer import (
    FALSE_ALARMS,
    NOTICED,
    SHOWN,
    answer_html,
    choice_label,
    empty_html,
    known_html,
    problem_html,
)
from resnet_demo.ui.tabs.classify import NEWEST, ClassifyTab
from tests.support.checkpoints import DIGITS, INFO, make_run, network

ROOT = Path(__file__).parents[3]
MARK = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classify")


@pytest.fixture(scope="module")
def server(folder):
    """The tab on a page of its own; no run has a checkpoint at first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "cache"))
        with gr.Blocks(analytics_enabled=False) as demo:
            with gr.Tabs() as tabs, gr.Tab("Classify", id="classify"):
                tab = ClassifyTab(Backend.over(RunStore(folder / "runs"), folder / "data"))
            tab.lead_to_train(tabs)
            tab.refresh_on(demo.load)
        _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, ssr_mode=False)
        yield url
        demo.close()


@pytest.fixture(scope="module")
def client(server):
    return Client(server, verbose=False)


@pytest.fixture
def store(folder):
    """Emptied after each test."""
    store = RunStore(folder / "runs")
    yield store
    for run in store.runs():
        for file in run.path.rglob("*"):
            file.unlink()
        run.path.rmdir()


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.radial_gradient("L").convert("RGB").crop((0, 0, 200, 90)).save(path)
    return path


def classify(client, path, run=NEWEST, trim=True):
    return client.predict(handle_file(path), run, trim, api_name="/classify")


def refused(client, *values, api_name="/classify") -> str:
    with pytest.raises(AppError) as caught:
        client.predict(*values, api_name=api_name)
    text = str(caught.value)
    assert "Traceback" not in text and text.strip()
    return text


def raw(server, endpoint: str, *data) -> str:
    """The stream that answers a request made by hand."""
    base = f"{server}gradio_api/call/{endpoint}"
    event = httpx.post(base, json={"data": list(data)}, timeout=60).json()["event_id"]
    return httpx.get(f"{base}/{event}", timeout=60).text


# --- before and after the first checkpoint --------------------------------------------------------------------


def test_the_page_is_built_without_torch(tmp_path):
    code = (
        "import sys, gradio as gr\n"
        "from pathlib import Path\n"
        "from resnet_demo.runs.store import RunStore\n"
        "from resnet_demo.ui.backend import Backend\n"
        "from resnet_demo.ui.tabs.classify import ClassifyTab\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "with gr.Blocks() as demo: tab = ClassifyTab(Backend.over(RunStore(folder), folder))\n"
        "tab.refresh('', 'newest', None)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_without_a_checkpoint_the_page_leads_to_train(client, image):
    answer = client.predict(None, NEWEST, True, api_name="/show_answer")
    assert "No checkpoint yet" in answer and "data-to-train" in answer
    assert "will be listed here" in client.predict(NEWEST, api_name="/show_known")
    assert "There is no trained checkpoint yet" in refused(client, handle_file(image), NEWEST)
    card = client.predict(handle_file(image), NEWEST, True, api_name="/show_answer")
    assert "✕ No answer" in card and "There is no trained checkpoint yet" in card


def test_an_image_gets_the_predictors_answer(client, store, image):
    make_run(store, "run-1")
    assert classify(client, image) == Predictor(store).classify(load_image(image)).as_dict()


def test_a_wide_uniform_border_is_trimmed_unless_that_is_switched_off(client, store, tmp_path):
    make_run(store, "run-1")
    product = Image.new("RGB", (300, 300), "white")
    product.paste(Image.radial_gradient("L").convert("RGB").crop((40, 40, 140, 140)), (100, 100))
    product.save(tmp_path / "product.png")
    answers = [classify(client, tmp_path / "product.png", NEWEST, trim) for trim in (True, False)]
    assert [answer["trimmed"] for answer in answers] == [True, False]
    assert answers[1] == Predictor(store).classify(load_image(tmp_path / "product.png")).as_dict()
    assert answers[0]["classes"] != answers[1]["classes"]
    cards = [
        client.predict(handle_file(tmp_path / "product.png"), NEWEST, trim, api_name="/show_answer")
        for trim in (True, False)
    ]
    assert ["uniform border was trimmed" in card for card in cards] == [True, False]


def test_a_chosen_run_answers(client, store, image):
    make_run(store, "run-1")
    make_run(store, "run-2", seed=1)
    answers = [classify(client, image, run) for run in ("run-1", "run-2", NEWEST)]
    assert [answer["run"] for answer in answers] == ["run-1", "run-2", "run-2"]
    assert answers[0]["classes"] != answers[1]["classes"] == answers[2]["classes"]


def test_the_next_answer_is_the_newer_checkpoints(client, store, image):
    run = make_run(store, "run-1")
    assert "step 34, test accuracy 62.5" in client.predict(handle_file(image), NEWEST, True, api_name="/show_answer")
    save_model(run.model_path, network(1), replace(INFO, epoch=3, step=51, accuracy=0.75))
    card = client.predict(handle_file(image), NEWEST, True, api_name="/show_answer")
    assert "run-1" in card and "step 51, test accuracy 75.0" in card and "after epoch 3" in card


def test_refresh_lists_runs_newest_first_and_is_silent_when_nothing_is_new(client, store):
    make_run(store, "20260101-a")
    make_run(store, "20260202-b", replace(INFO, accuracy=None, classes=("x", "y")))
    seen, _, choices = client.predict("", "gone", None, api_name="/refresh_classify")
    assert [value for _, value in choices["choices"]] == [NEWEST, "20260202-b", "20260101-a"]
    assert choices["choices"][1][0] == "20260202-b · resnet18 on animals, test accuracy not yet measured"
    assert choices["value"] == NEWEST
    # Of the one whose accuracy is measured:
    assert "these 4 classes" in client.predict(NEWEST, api_name="/show_known")
    assert "Show it an image" in client.predict(None, NEWEST, True, api_name="/show_answer")
    page = client.predict(seen, NEWEST, None, api_name="/refresh_classify")
    assert "choices" not in str(page)


def test_a_chosen_run_stays_chosen(client, store, image):
    make_run(store, "run-1")
    make_run(store, "run-2", replace(INFO, classes=("x", "y")))
    _, _, choices = client.predict("", "run-1", handle_file(image), api_name="/refresh_classify")
    assert [value for _, value in choices["choices"]][1:] == ["run-2", "run-1"]
    assert "value" not in choices  # by now another may be chosen in the page
    assert "cat" in client.predict("run-1", api_name="/show_known")


def test_the_first_checkpoint_and_no_other_asks_about_an_image_that_waits(client, store, image):
    """What `refresh` changes then triggers the answer, queued like any other. Without an image, so does each: which
    classes there are is then said in the answer's place."""

    def refreshed(seen, asked_about):
        return client.predict(seen, NEWEST, asked_about, api_name="/refresh_classify")[:2]

    none, asked = refreshed("", handle_file(image))
    make_run(store, "run-1")
    one, asked_at_first = refreshed(none, handle_file(image))
    make_run(store, "run-2")
    two, asked_again = refreshed(one, handle_file(image))
    assert asked_at_first == one and not {none, one, two} & {str(asked), str(asked_again)}
    assert refreshed(one, None) == (two, two)


def test_the_classes_of_the_chosen_run_are_shown(client, store):
    make_run(store, "run-1")
    make_run(store, "run-2", DIGITS)
    assert "truck" in client.predict("run-1", api_name="/show_known")
    assert "these 10 classes" in client.predict("run-2", api_name="/show_known")
    assert "will be listed here" in client.predict("../run-1", api_name="/show_known")


def test_without_an_image_the_card_says_what_to_do(client, store):
    make_run(store, "run-1")
    assert "Show it an image" in client.predict(None, NEWEST, True, api_name="/show_answer")
    assert "no uploaded image" in refused(client, None, NEWEST)


# --- images to click ------------------------------------------------------------------------------------------


def test_the_examples_are_those_of_the_chosen_checkpoint(client, store):
    assert client.predict(NEWEST, api_name="/show_examples") == ""  # nobody could answer
    make_run(store, "run-1", replace(INFO, classes=("cat", "dog", "frog", "<truck>")))
    make_run(store, "run-2", DIGITS)
    animals = client.predict("run-1", api_name="/show_examples")
    digits = client.predict("run-2", api_name="/show_examples")
    assert all(f'data-example="drawn-{name}"' in animals for name in ("cat", "dog", "frog"))
    assert "digit-" not in animals and "truck" not in animals
    assert all(f'data-example="digit-{number}"' in digits for number in range(10)) and "drawn-" not in digits
    assert all('data-example="foreign-flower"' in page for page in (animals, digits))


def test_an_example_is_put_where_an_upload_goes_and_classified_as_it_is(store):
    make_run(store, "run-1", DIGITS)
    tab = page_of(store)
    chosen = tab.examples.choose("run-1", "digit-7 1764")
    prediction = Predictor(store).classify(chosen)
    stored = tab.image.postprocess(chosen)
    assert load_image(Path(stored.path)).tobytes() == chosen.tobytes()  # lossless on its way to the answer
    assert prediction.seen.tobytes() == chosen.tobytes()


@pytest.mark.parametrize("data", [None, "", "digit-7", "drawn-cat 1764", "../x 1764", {"example": "digit-7"}, [1]])
def test_what_is_no_example_of_the_checkpoint_is_refused(store, data):
    make_run(store, "run-1", DIGITS)
    with pytest.raises(gr.Error, match="no such example"):
        page_of(store).examples.choose("run-1", data)


def page_of(store) -> ClassifyTab:
    with gr.Blocks(analytics_enabled=False):
        return ClassifyTab(Backend.over(store, store.folder.parent / "data"))


# --- what is not trusted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\nhalf"])
def test_a_broken_upload_is_one_sentence(client, store, tmp_path, content):
    make_run(store, "run-1")
    broken = tmp_path / "broken.png"
    broken.write_bytes(content)
    sentence = refused(client, handle_file(broken), NEWEST)
    assert sentence.endswith(".") and str(tmp_path) not in sentence
    card = client.predict(handle_file(broken), NEWEST, True, api_name="/show_answer")
    assert 'role="alert"' in card and sentence in card


@pytest.mark.parametrize("run", ["../run-1", "/etc/passwd", "..", "", "nothing", ["run-1"], {"a": 1}, 7, None])
def test_a_foreign_run_is_one_sentence(client, store, image, run):
    make_run(store, "run-1")
    assert "There is no such run (any more). Choose one from the list." in refused(client, handle_file(image), run)


@pytest.mark.parametrize("endpoint", ["classify", "show_answer"])
def test_a_path_outside_the_uploads_is_refused(server, store, image, folder, endpoint):
    make_run(store, "run-1")
    climbing = f"{folder}/cache/../outside.png"
    Path(climbing).resolve().write_bytes(image.read_bytes())
    for path in (str(image), climbing, "/etc/passwd"):
        for mark in ({}, {"meta": MARK}, {"meta": {}}):
            reply = raw(server, endpoint, {"path": path, **mark}, NEWEST, True)
            assert "probability" not in reply
            if mark == {"meta": MARK}:  # Gradio refuses by itself what carries its mark
                assert "event: error" in reply
            else:
                assert "was not uploaded here" in reply


@pytest.mark.parametrize(
    "upload",
    [
        {"path": None, "url": "data:image/png;base64,AAAA"},
        {"url": "data:image/png;base64,AAAA", "meta": MARK},
        {"path": "http://127.0.0.1:1/image.png"},
        {"path": "a\0b"},
        {},
        {"path": ["/etc/passwd"]},
        "/etc/passwd",
        7,
    ],
    ids=str,
)
def test_only_an_upload_is_an_image(server, store, upload):
    """A data: URL would pass by the limit on the size of uploads, and a web address is not ours to fetch."""
    make_run(store, "run-1")
    reply = raw(server, "classify", upload, NEWEST, True)
    assert "event: error" in reply and "probability" not in reply


def test_only_classify_is_public(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(named) == ["/classify"]
    assert [parameter["parameter_name"] for parameter in named["/classify"]["parameters"]] == ["image", "run", "trim"]


# --- the card -------------------------------------------------------------------------------------------------


def test_class_names_and_run_names_are_text_not_html(store, image):
    info = replace(INFO, classes=("<script>x</script>", "b", "c", "d"), data='folder:/a/"><img>')
    make_run(store, "run-1", info)
    card = answer_html(Predictor(store).classify(load_image(image)), "<script>")
    for html in (card, known_html(info), empty_html(info)):
        assert "<script" not in html and '"><img>' not in html


def test_the_server_path_of_the_data_is_not_shown():
    assert "/srv" not in checkpoint_text(INFO) + choice_label("run-1", INFO)


def test_the_card_shows_what_the_network_saw_and_says_when_it_inverted(store, tmp_path):
    make_run(store, "digits", DIGITS)
    light, dark = Image.new("RGB", (64, 64), "white"), Image.new("RGB", (64, 64), "black")
    predictor = Predictor(store)
    assert "Inverted first" in answer_html(predictor.classify(light), "digits")
    card = answer_html(predictor.classify(dark), "digits")
    assert "Inverted" not in card
    assert 'src="data:image/png;base64,' in card and card.count("<li>") == 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "not calibrated: an earlier version wrote this checkpoint"),
        ({"held_out": 0}, "not calibrated: its run held out no images"),
        ({"held_out": 9}, "not calibrated: no epoch has been measured yet"),
        (
            {"calibration": Calibration(2000, 0.714, 0.07, 0.01)},
            "calibrated on 2,000 held-out images (temperature 0.71)",
        ),
    ],
)
def test_the_card_says_whether_its_probabilities_are_calibrated(store, image, changes, said):
    make_run(store, "run-1", replace(INFO, **changes))
    html = answer_html(Predictor(store).classify(load_image(image)), "run-1")
    assert f"Its probabilities are {said}" in re.sub("<[^>]+>", "", html)


def test_many_classes_are_cut_to_the_likeliest(store, image):
    make_run(store, "many", replace(INFO, classes=tuple(f"class {n}" for n in range(25))))
    prediction = Predictor(store).classify(load_image(image))
    card = answer_html(prediction, "many")
    assert card.count("<li>") == SHOWN and "and 15 less likely classes" in card
    assert json.dumps(prediction.as_dict()).count("probability") == 25


def test_what_no_score_notices_is_said_before_and_beside_each_answer():
    """By the score that notices most of the foreign photographs, as the docs have it."""
    docs = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8").partition("| score | false alarms |")[2]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in docs.partition("\n\n")[0].splitlines()[2:]]
    best = max(rows, key=lambda row: float(row[-1].removesuffix(" %")))
    assert [f"{100 * NOTICED:.1f} %", f"{100 * FALSE_ALARMS:.1f} %"] == [best[-1], best[1]]
    seen = Image.new("RGB", (32, 32))
    answer = answer_html(Prediction((("cat", 1.0),), seen, False, INFO, "run"), "run")
    for said in (answer, empty_html(INFO), problem_html("", INFO)):
        assert f"one of its {len(INFO.classes)} classes" in said and best[-1] in said
    assert "classify-caution" not in empty_html(None)
