"""The Runs tab over HTTP and as pure functions: sorting, comparing, exporting, and who may change what."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.runs.config import preset_config
from resnet_demo.runs.figures import RUNS, draw_curves
from resnet_demo.runs.fold import fold
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import RunsSnapshot, Watcher
from resnet_demo.ui.access import REFUSAL, Access
from resnet_demo.ui.html import comparison, runs_table
from resnet_demo.ui.html.curves import ChartChoice
from resnet_demo.ui.tabs.form import FIELDS
from tests.cli.test_runs import ENDED
from tests.runs.test_points import epoch, metric
from tests.support.asking import post, run_now


def two_runs(store):
    """Two runs that differ in their seed and title."""
    first = store.create(preset_config("tour", seed=1), "first")
    second = store.create(preset_config("tour", seed=2, arch="resnet18"), "second")
    for number, run in enumerate((first, second), 1):
        for event in (metric(2, number), metric(4, number / 2), epoch(1, 4)):
            run.append(event)
    second.rename("<b>Second</b>")
    return first, second


@pytest.fixture
def snapshot(tmp_path):
    store = RunStore(tmp_path)
    two_runs(store)
    return Watcher(store).snapshot()


def test_a_click_sorts_and_a_second_turns_it_round(snapshot):
    once = runs_table.next_order(runs_table.NEWEST_FIRST, "network")
    names = [s.run.id for s in runs_table.sort_runs(snapshot.runs, once)]
    turned = runs_table.next_order(once, "network")
    assert [s.run.id for s in runs_table.sort_runs(snapshot.runs, turned)] == names[::-1]
    assert 'aria-sort="ascending"' in runs_table.table_html(snapshot, once)


def test_the_row_of_a_living_run_is_shown_anew_each_half_minute(snapshot):
    def word(alive, elapsed_s):
        first, *others = snapshot.runs
        view = fold([metric(2, 1.0), replace(metric(4, 1.0), elapsed_s=elapsed_s)])
        return runs_table.version_of(RunsSnapshot(None, (replace(first, alive=alive, view=view), *others)), "")

    assert word(True, 31.0) == word(True, 59.0) != word(True, 61.0)
    assert word(False, 31.0) == word(False, 61.0)


def test_what_has_no_value_stands_last_both_ways(tmp_path):
    store = RunStore(tmp_path)
    two_runs(store)
    store.create(preset_config("tour"), "unborn")
    runs = Watcher(store).snapshot().runs
    for order in ("test ascending", "test descending"):
        assert runs_table.sort_runs(runs, order)[-1].run.id == "unborn"


def test_ticked_runs_are_drawn_over_each_other_and_titles_are_escaped(snapshot):
    picked = runs_table.picked_runs(snapshot, json.dumps(["first", None, "second", "gone", 7]))
    assert [place for place, _ in picked] == [0, 2]
    html = comparison.curves_html(picked, ChartChoice()) + comparison.differences_html(picked)
    assert html.count('class="curve train run-0"') == html.count('class="curve train run-2"') == 2
    assert "<td>1</td><td>2</td>" in html and "<b>Second" not in html and "&lt;b&gt;Second" in html
    assert "<b>Second" not in runs_table.table_html(snapshot, "test ascending")


def test_in_an_image_a_run_has_the_colour_and_letter_of_the_page(snapshot):
    picked = runs_table.picked_runs(snapshot, json.dumps([None, "first", None, None, "second"]))
    figure = draw_curves([(place, run.name, run.view) for place, run in picked])
    loss = figure.axes[0]
    assert [line.get_color() for line in loss.lines[::2]] == [RUNS[1], RUNS[4]]
    assert [note.get_text() for note in loss.texts] == ["B", "E"]
    assert [text.get_text()[0] for text in figure.legends[0].get_texts()] == ["B", "E"]
    light = (Path(comparison.__file__).parents[1] / "page.css").read_text().partition("--run-0:")[2].partition("}")[0]
    assert all(colour in light for colour in RUNS)


def test_only_what_differs_is_listed():
    one, other = preset_config("tour", seed=1), preset_config("tour", seed=2)
    assert comparison.differences([one, other]) == [("Seed", [1, 2])]
    assert comparison.differences([one, one]) == []


@pytest.mark.parametrize("picked", ["", "null", "{", '{"a": 1}', "[[]]", '["../first"]', "[" * 100_000])
def test_what_is_no_list_of_runs_picks_nothing(snapshot, picked):
    assert runs_table.picked_runs(snapshot, picked) == []


CHANGING = {
    "run_again": ['["first"]'],
    "rename": ["new", '["first"]'],
    "delete": ['["first"]'],
    "continue": [1, '["first"]'],
    "free_resume_states": ['["first"]'],
    "ask_delete": ['["first"]'],
}


@pytest.mark.parametrize("handler", CHANGING)
def test_a_visitor_changes_nothing(serve, handler):
    with serve(Access("secret")) as (url, backend):
        first, _ = two_runs(backend.store)
        first.append(replace(ENDED, outcome="stopped"))
        (state := first.state_path).touch()
        if handler == "ask_delete":
            assert REFUSAL in run_now(url, handler, CHANGING[handler]).text
        else:
            kind, answer = post(url, handler, CHANGING[handler])
            assert kind == "error" and REFUSAL in json.loads(answer)["error"]
        assert len(backend.store.runs()) == 2 and backend.store.get("first").title() == ""
        assert state.exists()


def test_the_owner_renames_and_deletes(serve):
    with serve() as (url, backend):
        two_runs(backend.store)
        assert post(url, "rename", ["Mine", '["first"]'])[0] == "complete"
        assert backend.store.get("first").title() == "Mine"
        assert post(url, "delete", ['["first"]'])[0] == "complete"
        assert [run.id for run in backend.store.runs()] == ["second"]


def test_the_owner_frees_the_resume_states_of_stopped_runs_and_of_no_others(serve):
    with serve() as (url, backend):
        stopped, paused = two_runs(backend.store)
        for run in (stopped, paused):
            run.state_path.write_bytes(b"x" * 5_000_000)
        assert run_now(url, "ask_delete", ['["second"]']).json()["data"][3]["visible"] is False
        stopped.append(replace(ENDED, outcome="stopped"))
        both = '["first", "second"]'
        _, _, question, free = run_now(url, "ask_delete", [both]).json()["data"]
        assert "5 MB of it is needed only to resume stopped runs" in question and free["visible"] is True
        assert post(url, "free_resume_states", [both])[0] == "complete"
        assert not stopped.state_path.exists() and paused.state_path.exists() and len(backend.store.runs()) == 2
        (shown,) = [s for s in backend.watcher.snapshot(now=True).runs if s.run == stopped]
        assert shown.view.ended.outcome == "stopped" and not shown.can_resume and len(shown.view.metrics) == 2


def test_a_living_run_is_not_deleted(serve):
    with serve() as (url, backend):
        first, _ = two_runs(backend.store)
        with first.lock:
            kind, answer = post(url, "delete", ['["first"]'])
        assert kind == "error" and "is training" in answer and len(backend.store.runs()) == 2


def test_run_again_fills_the_form_with_settings_and_seed(serve):
    with serve() as (url, backend):
        config = replace(preset_config("tour"), seed=11, epochs=3)
        backend.store.create(config, "old")
        kind, answer = post(url, "run_again", ['["old"]'])
        values = json.loads(answer)[1:]
        assert kind == "complete" and values[FIELDS.index("seed")] == 11 and values[FIELDS.index("epochs")] == 3


def test_exports_can_be_downloaded(serve):
    import httpx

    with serve() as (url, backend):
        two_runs(backend.store)
        for handler, start in (("runs_csv", b"run,title,step"), ("runs_png", b"\x89PNG")):
            kind, answer = post(url, handler, ['["first", "second"]'])
            assert kind == "complete"
            assert httpx.get(json.loads(answer)[0]["url"], timeout=30).content.startswith(start)


def finished(backend, known=()):
    """The run that is not among `known`, once its worker is done."""
    assert backend.launcher.wait_until_idle(120)
    (run,) = [run for run in backend.store.runs() if run not in known]
    assert run.view().ended.outcome == "finished"
    return run


def losses(run):
    return [(point.step, point.train_loss) for point in run.view().metrics]


def test_run_again_gives_the_same_curve(serve, tiny_config):
    with serve() as (url, backend):
        backend.launcher.start(replace(tiny_config, epochs=1, seed=7, log_every_steps=1))
        old = finished(backend)
        _, answer = post(url, "run_again", [json.dumps([old.id])])
        values = json.loads(answer)[1:]
        values[FIELDS.index("preset")] = values[FIELDS.index("preset")]["value"]
        assert post(url, "start", values)[0] == "complete"
        again = finished(backend, [old])
        assert again.config() == old.config() and again.environment()["device"] == old.environment()["device"]
        assert losses(again) == losses(old) and len(losses(old)) == 9


def test_a_finished_run_is_continued_as_a_new_run_that_names_it(serve, tiny_config):
    with serve() as (url, backend):
        backend.launcher.start(replace(tiny_config, epochs=1, log_every_steps=1))
        old = finished(backend)
        old.rename("Mother")
        assert post(url, "continue", [2, json.dumps([old.id])])[0] == "complete"
        new = finished(backend, [old])
        assert new.config() == replace(old.config(), epochs=2, start_from=f"run:{old.id}")
        assert [ended.epoch for ended in new.view().epochs] == [1, 2]
        assert losses(new)[0][1] < losses(old)[0][1]  # it goes on from what was learned
        table = run_now(url, "refresh_runs", ["", runs_table.NEWEST_FIRST, "", 0, "epoch", False, False, ""]).json()[
            "data"
        ][1]
        assert "from the run “Mother”" in table
