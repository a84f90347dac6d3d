"""What the degradation benchmark says of its runs, the seeds that do not agree included."""

from benchmarks.degradation import report, training_errors, verdict
from resnet_demo.runs import events
from resnet_demo.runs.fold import RunView

PLACE = {"time": 1.0, "images_seen": 1, "elapsed_s": 1.0}


def view(*accuracies: float) -> RunView:
    points = tuple(
        events.MetricsLogged(
            **PLACE, epoch=at, step=at, train_loss=1.0, train_accuracy=share, learning_rate=0.1, images_per_s=1.0
        )
        for at, share in enumerate(accuracies, 1)
    )
    ended = events.EpochEnded(**PLACE, epoch=len(points), step=len(points), test_loss=1.0, test_accuracy=0.5)
    return RunView(metrics=points, epochs=(ended,))


def test_an_epochs_error_is_of_its_own_images():
    assert training_errors(view(0.25, 0.75)) == [0.75, 0.25]


def test_the_verdict_counts_the_seeds_that_agree():
    last = {("plain18", 0): 0.5, ("plain34", 0): 0.6, ("plain18", 1): 0.5, ("plain34", 1): 0.45}
    told = verdict(last, "plain18", "plain34", [0, 1])
    assert "above Plain-18's for 1 of 2 seeds" in told and "+2.5 percentage points" in told


def test_the_report_has_a_row_for_each_network():
    pairs = [("plain18", "plain34"), ("resnet18", "resnet34")]
    views = {(arch, 0): view(0.1, 0.2) for pair in pairs for arch in pair}
    text = "\n".join(report(views, pairs, [0]))
    assert text.count("| 80.0 % | 50.0 % |") == 4 and text.count("+0.0 percentage points") == 2
