"""Evaluations in the background of the app: one at a time, with progress, and to be cancelled. Of three kinds: what the
checkpoint answers, how often it is right without each of its blocks, and the loss around its weights.

A thread, not a process: the test images it has read are what the page then shows the mistakes from, and torch's kernels
leave Python's interpreter to the page. Torch is imported in the thread.
"""

import threading
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from resnet_demo.data.dataset import WAITING, LoadProgress, drain
from resnet_demo.errors import UserError, lacks_memory
from resnet_demo.language import ENGLISH, current_language, in_language, t
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.evaluation import Evaluation, save_evaluation
from resnet_demo.runs.worker_files import Progress

END_TIMEOUT_S = 30.0  # one batch, on a machine that trains, too
ANSWERS, BLOCKS, LANDSCAPE = "answers", "blocks", "landscape"  # the kinds of job

if TYPE_CHECKING:  # brings torch
    from torch import Tensor

    from resnet_demo.data.dataset import Dataset
    from resnet_demo.runs.measured import Measured


class EvaluationError(UserError):
    """Why nothing is evaluated, or no image can be shown."""


class TestImages(NamedTuple):
    """Of the last job's data, for the galleries of its evaluation."""

    of: tuple[str, str]  # source and split
    images: "Tensor"  # uint8 (N, 3, 32, 32)
    digest: str

    @classmethod
    def from_dataset(cls, dataset: "Dataset", split: str) -> "TestImages":
        return cls((dataset.source, split), dataset.test_images, dataset.test_digest())

    def are_of(self, evaluation: Evaluation) -> bool:
        """Whether it evaluated these; by their number alone where an earlier version kept no digest."""
        return len(self.images) == evaluation.images and evaluation.test_digest in ("", self.digest)


@dataclass(frozen=True)
class JobState:
    """How far the job is; `problem` is a sentence where the last one has failed."""

    run_id: str = ""
    progress: Progress | LoadProgress | None = None
    running: bool = False
    problem: str = ""
    kind: str = ANSWERS


class EvaluationJobs:
    """Safe to ask from many threads. What a job finds is written to the run; nothing else of it outlives the app."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._guard = threading.Lock()
        self._reading = threading.Lock()  # of test images for a gallery
        self._state = JobState()
        self._changes = 0  # beginnings and ends of jobs
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self._language = ENGLISH  # of whoever started the job; what it writes is English, as all files are
        self._images: TestImages | None = None

    @property
    def state(self) -> JobState:
        with self._guard:
            return self._state

    @property
    def version(self) -> str:
        """Another one whenever a job has begun or ended: every page that is open then looks. '' before the first, as a
        page begins: it has just looked."""
        with self._guard:
            return str(self._changes or "")

    def start(self, run: RunDirectory, kind: str = ANSWERS) -> None:
        """Evaluate the run's checkpoint on the test images of its data. Raises EvaluationError while another runs."""
        with self._guard:
            if self._state.running:
                raise EvaluationError("An evaluation is under way. Wait for it, or cancel it.")
            self._state = JobState(run.id, None, running=True, kind=kind)
            self._changes += 1
            self._cancelled.clear()
        self._language = current_language()
        self._thread = threading.Thread(target=self._work, args=(run, kind), name="evaluation", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """The job ends after the batch under way, and leaves what was there before."""
        self._cancelled.set()

    def end(self) -> None:
        """Cancel, and wait for the thread: torch aborts a process that ends while a thread is inside of it."""
        self.cancel()
        if self._thread:
            self._thread.join(END_TIMEOUT_S)

    def images(self, evaluation: "Evaluation", places: Sequence[int]) -> "Tensor":
        """Test images that the evaluation is of, by their place, uint8 (n, 3, 32, 32). Raises UserError where they
        cannot be read any more, and EvaluationError where that would take a download or a wait for another's, or where
        they are others by now."""
        of = (evaluation.data, evaluation.split)
        if (kept := self._kept(of)) is None:
            with self._reading:  # two galleries do not take each other for a download
                if (kept := self._kept(of)) is None:  # else another has read them meanwhile
                    kept = self._test_images(*of)
                    with self._guard:
                        self._images = kept
        if not kept.are_of(evaluation):
            raise EvaluationError("The test images are others than those it was evaluated on. Evaluate again.")
        return kept.images[list(places)]

    def _kept(self, of: tuple[str, str]) -> TestImages | None:
        with self._guard:
            return self._images if self._images and self._images.of == of else None

    def _test_images(self, source: str, split: str) -> TestImages:
        from resnet_demo.data.sources import load_dataset

        def refuse_to_wait(progress: LoadProgress) -> None:
            if progress.phase == "downloading":
                raise EvaluationError("The test images are not on this machine. Evaluate again to fetch them.")
            if progress.phase == WAITING:  # that may be a download of an hour
                raise EvaluationError("These images are being loaded at this moment. Look again when that is done.")

        with closing(load_dataset(source, self.data_dir, split)) as loading:
            return TestImages.from_dataset(drain(loading, refuse_to_wait), split)

    def _work(self, run: RunDirectory, kind: str) -> None:
        problem = ""
        try:
            if found := self._evaluate(run, kind):
                save_evaluation(run, found) if isinstance(found, Evaluation) else found.save(run)
        except UserError as error:
            problem = str(error)
        except OSError as error:
            problem = f"The evaluation could not be kept in the run ({error.strerror}). Check the disk, then try again."
        except Exception as error:  # noqa: BLE001 - the last word of a thread: said on the page, traced in the log
            if lacks_memory(error):
                problem = "The memory is not enough for the test images. Close other programs, then try again."
            else:
                traceback.print_exc()
                what = f"{type(error).__name__}: {error}"
                with in_language(self._language):
                    problem = t("The evaluation stopped by an unexpected error ({what}).", what=what)
        finally:
            with self._guard:
                self._state = JobState(run.id, None, running=False, problem=problem, kind=kind)
                self._changes += 1

    def _evaluate(self, run: RunDirectory, kind: str) -> "Evaluation | Measured | None":
        """None where it was cancelled."""
        from resnet_demo.data.sources import load_dataset
        from resnet_demo.inference.block_ablation import ablate_each_block
        from resnet_demo.inference.evaluate import check_classes, evaluate_dataset
        from resnet_demo.inference.loss_landscape import loss_landscape
        from resnet_demo.inference.predictor import Classifier

        classifier = Classifier.from_file(run.model_path, run.id)
        info = classifier.info
        dataset: Dataset | None = self._to_the_end(run, kind, load_dataset(info.data, self.data_dir, info.split))
        if dataset is None:
            return None
        with in_language(self._language):
            check_classes(classifier, dataset)
        with self._guard:
            self._images = TestImages.from_dataset(dataset, info.split)
        ask = {ANSWERS: evaluate_dataset, BLOCKS: ablate_each_block, LANDSCAPE: loss_landscape}[kind]
        return self._to_the_end(run, kind, ask(classifier, dataset))

    def _to_the_end(self, run: RunDirectory, kind: str, work):
        """What the generator returns; None where the job was cancelled meanwhile."""
        with closing(work):
            while not self._cancelled.is_set():
                try:
                    progress = next(work)
                except StopIteration as done:
                    return done.value
                with self._guard:
                    self._state = JobState(run.id, progress, running=True, kind=kind)
        return None
