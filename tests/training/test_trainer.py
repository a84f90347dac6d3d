"""The loop: the grammar of its stream, exact continuation, and that it learns what there is to learn."""

import copy
import math
import re
from dataclasses import replace
from functools import partial
from itertools import islice

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_demo.data.statistics import channel_statistics
from resnet_demo.runs import events
from resnet_demo.runs.fold import fold
from resnet_demo.training import trainer as trainer_module
from resnet_demo.training.calibration import calibrate
from resnet_demo.training.device import choose_device
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.evaluation import evaluation_batch
from resnet_demo.training.trainer import Trainer
from tests.support.states import assert_equal_states


@pytest.fixture(autouse=True)
def deterministic():
    """No kernel whose sums depend on timing may be in the loop."""
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def make_trainer(colours_config, tiny_dataset):
    def make(**changes):
        config = replace(colours_config, **changes)
        return Trainer(config, tiny_dataset, choose_device("cpu", config.precision))

    return make


def curves(stream):
    """What two runs must agree on: everything but the wall clock and the speed."""
    dropped = {"time": 0, "elapsed_s": 0}
    return [
        replace(event, **dropped, **({"images_per_s": 0} if isinstance(event, events.MetricsLogged) else {}))
        for event in stream
        if isinstance(event, events.MetricsLogged | events.EpochEnded)
    ]


def test_the_stream_has_its_grammar(make_trainer):
    letters = {events.RunStarted: "S", events.MetricsLogged: "m", events.EpochEnded: "E", events.RunEnded: "."}
    stream = list(make_trainer().run())
    told = "".join(letters.get(type(e)) or {"training": "t", "evaluating": "e"}[e.phase] for e in stream)
    assert re.fullmatch(r"S(?:(?:m?t){10}e{2}E){2}\.", told), told
    assert [e.step for e in stream if isinstance(e, events.MetricsLogged)] == [4, 8, 10, 12, 16, 20]
    steps = [event.step for event in stream if isinstance(event, events.StepEnded) and event.phase == "training"]
    assert steps == list(range(1, 21))
    assert all(event.images_seen == event.step * 16 for event in stream)
    assert stream[-1].outcome == "finished"


def test_it_learns(make_trainer):
    last = [event for event in make_trainer(epochs=4).run() if isinstance(event, events.EpochEnded)][-1]
    assert last.test_accuracy > 0.9 and last.validation_accuracy > 0.8


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_stopped_anywhere_and_continued_equals_never_stopped(make_trainer, optimizer):
    """After the first step, at a logged point, in and after an evaluation, in the second epoch."""
    changes = {"optimizer": optimizer, "learning_rate": 0.01}
    whole = make_trainer(**changes)
    expected = list(whole.run())
    for count in (2, 9, 14, 16, 21):
        first = make_trainer(**changes)
        told = list(islice(first.run(), count))
        second = make_trainer(**changes)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        told += list(second.run())
        assert_equal_states(second.state_dict(), whole.state_dict())
        view, wanted = fold(told), fold(expected)
        assert curves([*view.metrics, *view.epochs]) == curves([*wanted.metrics, *wanted.epochs])


def test_the_gradient_norm_is_that_of_the_logged_step(make_trainer):
    trainer, told = make_trainer(), []
    for event in islice(trainer.run(), 14):
        if isinstance(event, events.MetricsLogged):  # the step's gradients are still there
            squares = [parameter.grad.double().square().sum() for parameter in trainer.model.parameters()]
            assert event.gradient_norm == pytest.approx(sum(squares).sqrt().item(), rel=1e-5)
            told.append(event.gradient_norm)
    assert len(told) == 3 and len(set(told)) == 3 and min(told) > 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_measuring_the_gradient_changes_nothing(make_trainer, optimizer):
    changes = {"epochs": 1, "optimizer": optimizer, "learning_rate": 0.01}
    every_step, once = make_trainer(log_every_steps=1, **changes), make_trainer(log_every_steps=1000, **changes)
    assert sum(isinstance(event, events.MetricsLogged) for event in every_step.run()) == 10
    assert sum(isinstance(event, events.MetricsLogged) for event in once.run()) == 1
    states = every_step.state_dict(), once.state_dict()
    assert all(state.pop("config") for state in states)
    assert_equal_states(*states)


def test_looking_at_the_state_changes_nothing(make_trainer):
    looked, whole = make_trainer(epochs=1), make_trainer(epochs=1)
    for _ in looked.run():
        looked.state_dict()
    list(whole.run())
    assert_equal_states(looked.state_dict(), whole.state_dict())


def test_same_seed_same_run_and_another_seed_another(make_trainer):
    told = [curves(islice(make_trainer(epochs=1, seed=seed).run(), 6)) for seed in (0, 0, 1)]
    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize("arch", ["resnet20", "plain20", "resnet50_article"])
def test_every_kind_of_network_trains(make_trainer, arch):
    """With all that a recipe may ask for: patterns in a stem of 16 channels, blocks that start as their shortcut."""
    trainer = make_trainer(arch=arch, epochs=1, train_images=40)
    before = trainer.model.conv1.weight.clone()
    logged = [event for event in trainer.run() if isinstance(event, events.MetricsLogged)]
    assert logged and all(event.gradient_norm > 0 for event in logged)
    assert not torch.equal(trainer.model.conv1.weight, before)
    assert [("filters start as noise" in told) for told in trainer.warnings] == [True] * (arch == "resnet50_article")
    if arch != "resnet50_article":
        assert torch.equal(before[:8], -before[8:])  # each pattern with both signs


def as_of_before(state):
    """As earlier versions wrote it: without the settings and the machine."""
    return {**{name: value for name, value in state.items() if name not in ("config", "machine")}, "format": 3}


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.01}, {"seed": 1}, {"label_smoothing": 0.2}, {"batch_size": 17}, {"flip": False}]
)
def test_a_state_of_other_settings_is_refused_with_both_values(make_trainer, colours_config, changes):
    ((name, value),) = changes.items()
    sentence = f"config.json now says {name} {value} instead of {getattr(colours_config, name)}, with which"
    with pytest.raises(TrainingError, match=re.escape(sentence)):
        make_trainer(**changes).load_state_dict(make_trainer().state_dict())


def test_the_folder_of_the_images_may_be_another_since_their_digest_is_the_same(make_trainer):
    make_trainer(data="folder:/elsewhere").load_state_dict(make_trainer().state_dict())


def test_an_earlier_versions_state_goes_on_bit_for_bit(make_trainer):
    begun, gone_on, whole = (make_trainer(epochs=1) for _ in range(3))
    for event in begun.run():
        if event.step == 4:
            break
    gone_on.load_state_dict(as_of_before(copy.deepcopy(begun.state_dict())))
    list(gone_on.run())
    list(whole.run())
    assert_equal_states(gone_on.state_dict(), whole.state_dict())


def test_what_goes_on_on_another_machine_says_so_and_on_the_same_one_nothing(make_trainer):
    state = make_trainer(precision="float32").state_dict()
    moved = {**state["machine"], "device": "NVIDIA H100", "kind": "cuda", "precision": "bfloat16"}
    for machine, said in ((state["machine"], 0), (moved, 1)):
        trainer = make_trainer(precision="float32")
        trainer.load_state_dict({**state, "machine": machine})
        resumed = next(trainer.run())
        assert isinstance(resumed, events.RunResumed) and len(resumed.warnings) == said
    assert "device NVIDIA H100, now CPU" in resumed.warnings[0]
    assert "precision bfloat16, now float32" in resumed.warnings[0]
    assert events.from_line(events.to_line(resumed)) == resumed


def test_a_state_of_another_network_is_refused(make_trainer):
    state = make_trainer().state_dict()
    with pytest.raises(TrainingError, match="does not fit"):
        make_trainer(arch="resnet34").load_state_dict(as_of_before(state))
    with pytest.raises(TrainingError, match="another version"):
        make_trainer().load_state_dict({**state, "format": 99})
    with pytest.raises(TrainingError, match="not those that this run began with"):
        make_trainer(train_images=100).load_state_dict(as_of_before(state))


@pytest.mark.parametrize("part", ["train_images", "test_labels"])
def test_a_state_of_other_images_is_refused_however_alike_they_are(make_trainer, colours_config, tiny_dataset, part):
    other = getattr(tiny_dataset, part).clone()
    other.flatten()[-1] += 1
    state = make_trainer().state_dict()
    changed = Trainer(colours_config, replace(tiny_dataset, **{part: other}), choose_device("cpu", "float32"))
    with pytest.raises(TrainingError, match="not those that this run began with"):
        changed.load_state_dict(state)


def test_a_state_of_renamed_images_is_refused_and_one_from_before_their_names_counted_goes_on(
    colours_config, tiny_dataset
):
    """By their names it is drawn which images are held out."""
    named = replace(tiny_dataset, train_ids=torch.arange(len(tiny_dataset.train_labels)))
    renamed = replace(named, train_ids=named.train_ids.flip(0))
    state = Trainer(colours_config, named, choose_device("cpu")).state_dict()
    with pytest.raises(TrainingError, match="their names or their classes are not those that this run began with"):
        Trainer(colours_config, renamed, choose_device("cpu")).load_state_dict(state)
    del state["data"]["names_digest"]
    Trainer(colours_config, renamed, choose_device("cpu")).load_state_dict(state)


def test_a_loss_that_is_no_number_advises_a_lower_rate(make_trainer):
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        list(make_trainer(optimizer="sgd", learning_rate=10.0, schedule="constant", epochs=20, momentum=0.999).run())


@pytest.mark.parametrize("network", ["model", "ema_model"])
@pytest.mark.parametrize("name", ["conv1.weight", "bn1.running_var"])
def test_broken_weights_are_never_handed_out_for_saving(make_trainer, network, name):
    trainer = make_trainer()
    getattr(trainer, network).state_dict()[name].fill_(float("nan"))
    with pytest.raises(TrainingError, match="Lower the learning rate"):
        trainer.state_dict()


def test_an_evaluation_that_is_no_number_is_no_epochs_end(make_trainer):
    trainer = make_trainer()
    for event in trainer.run():
        if event.step == trainer.data.steps_per_epoch - 1:
            trainer.ema_model.bn1.bias.data.fill_(float("inf"))
            break
    with pytest.raises(TrainingError, match="answers are no longer numbers"):
        assert not [event for event in trainer.run() if isinstance(event, events.EpochEnded)]


def test_a_constant_colour_channel_can_be_trained_on(colours_config, tiny_dataset):
    tiny_dataset.train_images[:, 2], tiny_dataset.test_images[:, 2] = 7, 7
    mean, std = channel_statistics(tiny_dataset.train_images)
    trainer = Trainer(colours_config, replace(tiny_dataset, mean=mean, std=std), choose_device("cpu", "float32"))
    losses = [event.train_loss for event in trainer.run() if isinstance(event, events.MetricsLogged)]
    assert len(losses) == 6 and all(math.isfinite(loss) for loss in losses)


def test_too_few_images_for_a_batch_is_a_sentence(make_trainer):
    with pytest.raises(TrainingError, match="162 training images do not fill one batch of 256"):
        make_trainer(batch_size=256)


def test_evaluation_is_of_the_averaged_network(make_trainer):
    trainer = make_trainer(epochs=1, precision="float32")
    ended = next(event for event in trainer.run() if isinstance(event, events.EpochEnded))
    with torch.no_grad():
        logits = trainer.ema_model.eval()(trainer.data.normalise(trainer.data.test.images))
    assert ended.test_accuracy == (logits.argmax(1) == trainer.data.test.labels).double().mean().item()
    expected = torch.nn.functional.cross_entropy(logits, trainer.data.test.labels).item()
    assert ended.test_loss == pytest.approx(expected, rel=1e-5)


def test_averaging_is_the_running_mean_of_weights_and_buffers(make_trainer):
    trainer = make_trainer(ema_decay=0.5, epochs=2)
    name, moved, began = "bn1.running_mean", [], 0
    expected = trainer.model.state_dict()[name].clone()
    for event in trainer.run():
        if isinstance(event, events.StepEnded) and event.phase == "training":
            if event.step <= 4 or event.done % 4 == 0 or event.done == trainer.data.steps_per_epoch:
                decay = min(0.5, (1 + event.step) / (10 + event.step)) ** (event.step - began)
                expected = decay * expected + (1 - decay) * trainer.model.state_dict()[name]
                moved.append(event.step)
                began = event.step
            torch.testing.assert_close(trainer.ema_model.state_dict()[name], expected)
    assert moved[-1] == trainer.total_steps and len(moved) > 2


def test_without_averaging_the_network_itself_is_evaluated(make_trainer):
    trainer = make_trainer(ema_decay=0.0)
    assert trainer.ema_model is trainer.model
    assert trainer.state_dict()["averaged"] is None


@pytest.fixture
def make_evaluated(make_trainer, monkeypatch):
    """A trainer that trains nothing and gets `RIGHT` of its 18 held-out images right, epoch by epoch."""

    def make():
        trainer = make_trainer(arch="resnet20", epochs=len(RIGHT), early_stopping_patience=2)

        def train_nothing():
            trainer.step = (trainer.epochs_done + 1) * trainer.data.steps_per_epoch
            return iter(())

        def evaluate():
            right = torch.tensor([1.0, RIGHT[trainer.epochs_done]])
            monkeypatch.setattr(trainer_module, "loss_and_correct", lambda *_: right)
            yield from type(trainer)._evaluate_epoch(trainer)

        trainer._train_epoch, trainer._evaluate_epoch = train_nothing, evaluate
        return trainer

    return make


RIGHT = (5, 9, 8, 9, 12, 14)  # after four epochs two have brought no gain


def test_it_stops_after_epochs_without_a_gain_and_names_the_best(make_evaluated):
    *_, last, ended = make_evaluated().run()
    assert isinstance(last, events.EpochEnded) and (last.epoch, last.step) == (4, 40)
    assert (ended.outcome, ended.epoch, ended.step) == ("finished", 4, 40)
    assert "no gain in held-out accuracy for 2 epochs. The best was 50.0 % after epoch 2" in ended.message


@pytest.mark.parametrize("count", [4, 9, 13], ids=["after epoch 1", "in the third evaluation", "nothing is left"])
def test_stopped_and_continued_it_stops_early_at_the_same_epoch(make_evaluated, count):
    first, second = make_evaluated(), make_evaluated()
    list(islice(first.run(), count))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    *_, ended = second.run()
    assert (ended.epoch, ended.step) == (4, 40) and "after epoch 2" in ended.message


def test_a_state_from_before_early_stopping_goes_on(make_trainer):
    state = copy.deepcopy(make_trainer(arch="resnet20").state_dict())
    del state["validation_accuracies"], state["config"]["early_stopping_patience"]
    trainer = make_trainer(arch="resnet20")
    trainer.load_state_dict(state)
    assert trainer.validation_accuracies == [] and not trainer.is_over


def test_early_stopping_says_where_the_images_are_too_few_to_hold_any_out(make_trainer):
    with pytest.raises(TrainingError, match="goes by held-out images, and this run has none"):
        make_trainer(train_images=9, batch_size=4, early_stopping_patience=2)


def test_where_nothing_is_held_out_nothing_is_claimed(make_trainer):
    trainer = make_trainer(epochs=1, validation_images=0)
    ended = next(event for event in trainer.run() if isinstance(event, events.EpochEnded))
    assert (ended.validation_loss, ended.validation_accuracy) == (None, None)
    assert trainer.calibration is None and trainer.state_dict()["calibration"] is None


@pytest.mark.parametrize("flip_averaging", [False, True])
def test_each_epoch_is_calibrated_on_the_held_out_images(make_trainer, flip_averaging):
    """As the averaged network answers then; a resumed trainer has it before its next epoch ends."""
    settings = {"learning_rate": 1e-6, "precision": "float32", "flip_averaging": flip_averaging}
    trainer, found = make_trainer(**settings), []
    for event in trainer.run():
        if isinstance(event, events.EpochEnded):
            with torch.no_grad():
                images = trainer.data.normalise(trainer.data.validation.images)
                logits, mirrored = (trainer.ema_model.eval()(one) for one in (images, images.flip(-1)))
                logits = (logits + mirrored) / 2 if flip_averaging else logits
            answers = trainer.probabilities(trainer.data.validation.images)
            expected = (logits.double() / trainer.calibration.temperature).softmax(1)
            assert torch.allclose(answers, expected, atol=1e-4)
            wanted = calibrate(logits, trainer.data.validation.labels)
            assert trainer.calibration.images == len(trainer.data.validation) == 18
            assert trainer.calibration.temperature == pytest.approx(wanted.temperature, rel=1e-3)
            resumed = make_trainer(**settings)
            resumed.load_state_dict(copy.deepcopy(trainer.state_dict()))
            assert resumed.calibration == trainer.calibration
            found.append(trainer.calibration)
    assert len(found) == 2


def test_bfloat16_on_the_cpu_learns_too(make_trainer, colours_config, tiny_dataset):
    trainer = Trainer(colours_config, tiny_dataset, choose_device("cpu", "bfloat16"))
    losses = [event.train_loss for event in trainer.run() if isinstance(event, events.MetricsLogged)]
    assert losses[-1] < losses[0] and next(trainer.model.parameters()).dtype == torch.float32


def test_compiled_it_trains_the_same_network(make_trainer, monkeypatch):
    """By the compiler's front end and its gradients, without the minutes of machine code."""
    eager, compile = make_trainer(log_every_steps=1, precision="float32"), torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **how: compile(model, backend="aot_eager", **how))
    compiled = make_trainer(log_every_steps=1, precision="float32", compile=True)
    assert compiled.network is not compiled.model
    first, second = (
        [e.train_loss for e in islice(trainer.run(), 6) if isinstance(e, events.MetricsLogged)]
        for trainer in (eager, compiled)
    )
    assert len(first) == 3 and second == pytest.approx(first, rel=1e-5)
    assert compiled.state_dict()["model"].keys() == eager.state_dict()["model"].keys()


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the program wait for a GPU: reading a number, shapes that depend on numbers, new tensors out
    of Python's numbers."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "equal", "is_nonzero", "unique")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.__name__.split(".")[0]
        masks = [index for index in args[1] if index is not None] if name in ("index", "index_put_") else []
        if name in self.WAITS or any(index.dtype in (torch.bool, torch.uint8) for index in masks):
            raise AssertionError(f"{function} would wait for the GPU")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "waits",
    [lambda x: x.sum().item(), lambda x: x[x > 1], lambda x: bool(x.any()), lambda x: x + torch.tensor([1.0, 2.0])],
)
def test_what_would_wait_is_refused(waits):
    with NoWaiting(), pytest.raises(AssertionError, match="would wait"):
        waits(torch.ones(2))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_that_is_not_logged_waits_for_nothing(make_trainer, optimizer):
    """The batch, too, with its augmentation; the optimizer's state and the channels' means are made in the first."""
    trainer = make_trainer(optimizer=optimizer, log_every_steps=8, threads=1)
    stream = trainer.run()
    list(islice(stream, 3))
    with NoWaiting():
        told = list(islice(stream, 4))
    assert [(type(event), event.step) for event in told] == [(events.StepEnded, step) for step in (3, 4, 5, 6)]


@pytest.mark.parametrize(("ema_decay", "compile"), [(0.9, False), (0.0, False), (0.0, True)])
def test_asking_about_an_image_changes_nothing_of_the_training(
    make_trainer, tiny_dataset, monkeypatch, ema_decay, compile
):
    """Without averaging it is the network that trains which is asked; compiled, by the compiler's front end."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    asked, alone = (make_trainer(ema_decay=ema_decay, compile=compile) for _ in range(2))
    answers = []
    for _ in asked.run():
        random, modes = torch.get_rng_state(), [module.training for module in asked.ema_model.modules()]
        answers.append(asked.probabilities(tiny_dataset.test_images[:2]))
        assert torch.equal(torch.get_rng_state(), random)
        assert [module.training for module in asked.ema_model.modules()] == modes
    list(alone.run())
    without_clock = {"elapsed_s": 0.0}
    assert_equal_states(asked.state_dict() | without_clock, alone.state_dict() | without_clock)
    assert answers[0].shape == (2, 3) and answers[-1].sum(1).tolist() == pytest.approx([1, 1])
    assert not torch.equal(answers[0], answers[-1])


def test_the_scale_of_the_loss_is_part_of_the_state(make_trainer):
    """As float16 needs it; without it the state of before is read, too."""
    first, second, third = (make_trainer() for _ in range(3))
    first.scaler, second.scaler = torch.amp.GradScaler("cpu", init_scale=32.0), torch.amp.GradScaler("cpu")
    state = first.state_dict()
    second.load_state_dict(state)
    assert second.scaler.get_scale() == 32.0
    third.load_state_dict(state)
    assert not third.scaler.is_enabled()
    second.load_state_dict({name: value for name, value in state.items() if name != "scaler"})


def test_a_gpu_is_asked_for_many_images_at_once():
    assert evaluation_batch(64, torch.device("cuda")) == 500
    assert evaluation_batch(16, torch.device("cuda")) == evaluation_batch(256, torch.device("cpu")) == 250


@pytest.mark.parametrize("batch_size", [2, 32, 96, 128, 256, 1024, 4096])
def test_a_gpu_evaluates_in_batches_of_one_size(batch_size):
    """It chooses its kernels anew for each, and counts what is in a map of ResNet-50, stem cifar, in 32 bits."""
    size = evaluation_batch(batch_size, torch.device("cuda"))
    assert 2000 % size == 10_000 % size == 0 and size * 256 * 32 * 32 < 2**31


def test_what_is_computed_rarely_chooses_no_kernels(make_trainer, tiny_dataset, monkeypatch):
    def watch(module, name):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given: seen.append((name, torch.backends.cudnn.benchmark)) or original(*given)
        )

    seen = []
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    watch(trainer_module, "block_responses")
    watch(trainer_module, "evaluation_logits")
    trainer = make_trainer(measure_blocks_every=1)
    next(event for event in trainer.run() if isinstance(event, events.BlocksMeasured))
    trainer.probabilities(tiny_dataset.test_images[:1])
    assert seen == [("block_responses", False), ("evaluation_logits", False)] and torch.backends.cudnn.benchmark
