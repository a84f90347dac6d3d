"""Why an image is taken for a class, on demand; a raw request may send anything."""

import json
import shutil
from dataclasses import replace

import gradio as gr
import pytest

from resnet_demo import load
from resnet_demo.models.checkpoint import save_model
from resnet_demo.text import percent
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.classify import NEWEST, ClassifyTab
from resnet_demo.ui.tabs.why import NEWER, answered_by
from tests.support.checkpoints import INFO, make_run, network
from tests.support.image_folders import noise_image


@pytest.fixture
def panel(store, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    with gr.Blocks(analytics_enabled=False):
        return ClassifyTab(Backend.over(store, tmp_path / "data")).why


@pytest.fixture
def upload(panel, tmp_path):
    (tmp_path / "cache").mkdir(exist_ok=True)
    noise_image(1).save(tmp_path / "cache" / "image.png")
    return {"path": str(tmp_path / "cache" / "image.png")}


def clicked(label, answered=None, of=None) -> str | None:
    return label if label is None else json.dumps({"label": label, "answered": answered, "of": of, "at": 1})


def test_a_class_is_explained_by_both_maps_at_their_stage(store, panel, upload):
    make_run(store, "run-1")
    for run in (NEWEST, "run-1"):
        maps, animation = panel.explain(upload, run, True, clicked("dog"))
        assert maps.count("data:image/png;base64,") == 2 and animation == ""
        assert "Evidence for <b>dog</b>" in maps and "stage 2 of 4, 4 × 4 positions" in maps
        assert "Grad-CAM" in maps and "control" in maps
        assert "data-animation" not in maps  # one checkpoint makes no animation


def test_the_animation_has_a_frame_for_each_kept_checkpoint(store, panel, upload):
    run = make_run(store, "run-1")
    for epoch in (1, 2):
        run.epochs_path.mkdir(exist_ok=True)
        save_model(run.epoch_path(epoch), network(epoch), replace(INFO, epoch=epoch))
    assert "over 2 saved" in panel.explain(upload, "run-1", True, clicked("dog"))[0]  # the run's own is epoch 2's
    save_model(run.model_path, network(0), replace(INFO, epoch=3))
    assert 'data-animation="dog"' in (maps := panel.explain(upload, "run-1", True, clicked("dog"))[0])
    assert "over 3 saved" in maps
    animation = panel.show_animation(upload, "run-1", True, clicked("dog"))
    assert animation.count('class="why-frame"') == 3 and animation.count("hidden") == 2 and 'max="2"' in animation
    assert [f"After epoch {epoch}" in animation for epoch in (1, 2, 3, 4)] == [True, True, True, False]


def test_the_checkpoint_that_answered_is_explained_and_no_newer_one(store, panel, upload):
    make_run(store, "run-1")
    make_run(store, "run-2", replace(INFO, step=50))  # the newest by now
    maps, _ = panel.explain(upload, NEWEST, True, clicked("dog", answered_by("run-1", 34)))
    assert 'data-answered="run-1 34"' in maps
    animation = panel.show_animation(upload, NEWEST, True, clicked("dog", answered_by("run-1", 34)))
    assert 'data-answered="run-1 34"' in animation
    said, _ = panel.explain(upload, NEWEST, True, clicked("dog", answered_by("run-2", 34)))
    assert NEWER in said and "data:image" not in said
    said, _ = panel.explain(upload, NEWEST, True, clicked("dog", answered_by("../run-1", 34)))
    assert "There is no such run" in said


def test_what_is_explained_late_bears_the_mark_of_the_answer_that_was_asked_about(store, panel, upload):
    """A call that has waited for another is sent with the image of by then."""
    make_run(store, "run-1")
    asked = clicked("dog", answered_by("run-1", 34), "the <mark>")
    for html in (panel.explain(upload, NEWEST, True, asked)[0], panel.show_animation(upload, NEWEST, True, asked)):
        assert 'data-of="the &lt;mark&gt;"' in html


def test_with_flip_averaging_it_is_the_probability_that_was_answered(store, panel, upload):
    run = make_run(store, "run-1", replace(INFO, flip_averaging=True))
    answer = load(run.path).classify(upload["path"]).ranked
    plain = load(make_run(store, "run-0").path).classify(upload["path"]).ranked
    assert dict(answer)["dog"] != pytest.approx(dict(plain)["dog"], abs=1e-3)
    maps, _ = panel.explain(upload, "run-1", True, clicked("dog"))
    assert f"<b>dog</b>, {percent(dict(answer)['dog'])}" in maps.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("label", [None, "", "okapi", "<b>x</b>", ["dog"], 7])
def test_a_foreign_class_is_one_sentence(store, panel, upload, label):
    make_run(store, "run-1")
    for said in (panel.explain(upload, "run-1", True, clicked(label))[0],
                 panel.show_animation(upload, "run-1", True, clicked(label))):  # fmt: skip
        assert 'role="alert"' in said and "no such class" in said and "<b>x" not in said


@pytest.mark.parametrize("run", ["../run-1", "", ["run-1"], None, "nothing"])
def test_a_foreign_run_is_one_sentence(store, panel, upload, run):
    make_run(store, "run-1")
    assert "There is no such run" in panel.explain(upload, run, True, clicked("dog"))[0]
    assert "There is no such run" in panel.show_animation(upload, run, True, clicked("dog"))


def test_a_path_outside_the_uploads_is_refused(store, panel, upload, tmp_path):
    make_run(store, "run-1")
    shutil.copyfile(upload["path"], tmp_path / "outside.png")
    for path in (str(tmp_path / "outside.png"), "/etc/passwd", upload["path"] + "/../../outside.png"):
        assert "was not uploaded here" in panel.explain({"path": path}, "run-1", True, clicked("dog"))[0]
        assert "was not uploaded here" in panel.show_animation({"path": path}, "run-1", True, clicked("dog"))


def test_before_any_checkpoint_it_says_so(panel, upload):
    assert "no trained checkpoint yet" in panel.explain(upload, NEWEST, True, clicked("dog"))[0]


def test_class_names_are_text_not_html(store, panel, upload):
    make_run(store, "run-1", replace(INFO, classes=("<script>x</script>", "b", "c", "d")))
    maps, _ = panel.explain(upload, "run-1", True, clicked("<script>x</script>"))
    assert "<script" not in maps and "&lt;script&gt;" in maps
