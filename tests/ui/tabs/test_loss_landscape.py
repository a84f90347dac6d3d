"""The loss around checkpoints over HTTP: two beside each other, only the owner measures, foreign values do no harm."""

from resnet_demo.inference import loss_landscape
from resnet_demo.runs.directory import SHIPPED
from resnet_demo.runs.measured import LossLandscape
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.access import Access
from resnet_demo.ui.tabs.loss_landscape import first_pair
from tests.support.asking import post, run_now
from tests.support.checkpoints import DIGITS, make_run
from tests.support.waiting import wait_for

TOKEN = "a-token-for-the-owner"


def test_only_the_owner_measures_the_first_that_has_not_been(serve, monkeypatch):
    monkeypatch.setattr(loss_landscape, "MOST_IMAGES", 10)
    with serve(Access(TOKEN)) as (url, backend):
        one, other = (make_run(backend.store, name, DIGITS) for name in ("one", "other"))
        for handler in ("measure_landscape", "cancel_landscape"):
            assert post(url, handler, [one.id, other.id])[0] == "error"
        assert not backend.evaluations.state.running
        for missing in (one, other):
            assert LossLandscape.load(missing) is None
            assert post(url, "measure_landscape", [one.id, other.id], token=TOKEN)[0] == "complete"
            wait_for(lambda: not backend.evaluations.state.running, "the measurement's end", 120)
            assert LossLandscape.load(missing).images == 10
        assert post(url, "measure_landscape", [one.id, other.id], token=TOKEN)[0] == "error"
        drawn = run_now(url, "loss_landscapes", [one.id, other.id]).json()["data"][0]
        assert drawn.count("curve train run-0") == drawn.count("curve train run-1") == 3


def test_what_is_no_run_is_left_out(serve):
    with serve() as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        for chosen in (["../x", None], ["", "no such run"]):
            assert "curve" not in run_now(url, "loss_landscapes", chosen).json()["data"][0]
        assert run_now(url, "loss_landscapes", [["a"], {"b": 1}]).status_code == 400
        drawn = run_now(url, "loss_landscapes", [run.id, run.id]).json()["data"][0]
        assert drawn.count("not measured yet.") == 1


def test_the_first_pair_has_learned_the_same_images(tmp_path):
    store = RunStore(tmp_path, SHIPPED)
    infos = {run.id: run.model_info() for run in store.all_runs()}
    residual, plain = (infos[run_id] for run_id in first_pair(store))
    assert plain.arch.startswith("plain") and residual.arch.startswith("resnet")
    assert residual.data == plain.data
    assert first_pair(RunStore(tmp_path)) is None


def test_where_one_of_the_two_was_chosen_the_other_is_still_the_first_pairs(serve):
    with serve() as (url, backend):
        backend.store.shipped = SHIPPED
        pair = first_pair(backend.store)
        chosen = next(run.id for run, _ in backend.store.checkpoints() if run.id not in pair)

        def refreshed(*sent):
            return [one.get("value") for one in run_now(url, "refresh_landscapes", sent).json()["data"]]

        assert refreshed(None, None) == [*pair]
        assert refreshed(None, chosen) == [pair[0], None]  # what stays is not sent
        assert refreshed(chosen, None) == [None, pair[1]]
