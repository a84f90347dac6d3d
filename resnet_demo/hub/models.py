"""A run in a model repository on Hugging Face, and back.

    model.safetensors, config.json, README.md    what `export --format hub` writes: timm and `resnet_demo.load` read it
    run/                                         the run's own files, without what only its training needs

What comes from there is a stranger's: only files that a run has, of bounded size, checked before the run is listed.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.errors import UserError
from resnet_demo.hub.space import HubError, check_token, told_to_people
from resnet_demo.runs import evaluation
from resnet_demo.runs.directory import PULLED, RunDirectory
from resnet_demo.runs.lasting import lasting_files
from resnet_demo.runs.measured import BlockAblation, LossLandscape
from resnet_demo.runs.store import RunStore

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SCHEME = "hub:"
FOLDER = "run"
STAYS = ("resume.pt", "order.json", "pinned.png")  # the image may show a person
MOST_FILES = 64
ABANDONED_S = 86_400
_MB = 1_000_000
MOST_BYTES = {  # of each file that a run may have there
    "config.json": _MB,
    "title.json": _MB,
    evaluation.FILE_NAME: evaluation.MAX_BYTES,
    BlockAblation.FILE_NAME: 4 * _MB,
    LossLandscape.FILE_NAME: _MB,
    "events.jsonl": 200 * _MB,
    "model.safetensors": 600 * _MB,
}
_EPOCH = re.compile(r"epochs/\d{4}\.safetensors", re.ASCII)


def repository(named: str) -> str:
    """USER/NAME of hub:USER/NAME. Raises HubError."""
    name = named.removeprefix(SCHEME)
    if name == named or not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise HubError(f"A repository is named hub:USER/NAME, as in hub:someone/resnet50-cifar10, not '{named}'.")
    return name


def push(api: "HfApi", run: RunDirectory, named: str, show: Callable[[str], object]) -> str:
    """Upload the run in one commit, to a repository that is made where there is none; returns its page's address.
    Raises HubError, and what `export_hub_folder` raises."""
    from huggingface_hub import CommitOperationAdd

    from resnet_demo.export.hub_folder import export_hub_folder  # brings torch, which no other command waits for

    name = repository(named)
    if run.is_alive():
        raise HubError(f"The run '{run.id}' is training now. Pause it, then push.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "hub"
        export_hub_folder(run, folder)
        files = {path.name: path for path in sorted(folder.iterdir())}
        files |= {f"{FOLDER}/{_name(path, run)}": path for path in lasting_files(run) if path.name not in STAYS}
        with told_to_people():
            check_token(api)
            api.create_repo(name, repo_type="model", exist_ok=True)
            show(f"Uploading {len(files)} files.")
            operations = [CommitOperationAdd(place, str(path)) for place, path in files.items()]
            api.create_commit(name, operations, commit_message=f"Run {run.id}", repo_type="model")
    return f"https://huggingface.co/{name}"


def _name(path: Path, run: RunDirectory) -> str:
    return path.relative_to(run.path).as_posix()


def pull(api: "HfApi", named: str, store: RunStore, show: Callable[[str], object]) -> RunDirectory:
    """Download the run of a repository into the store, under the repository's name. Raises HubError; nothing is left
    of what is refused."""
    name = repository(named)
    target = store.folder / name.partition("/")[2]
    if target.exists():
        raise HubError(f"'{target}' is there already. Rename or delete it, then pull again.")
    store.folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(store.folder)
    with tempfile.TemporaryDirectory(prefix=PULLED, dir=store.folder) as temporary:  # no run to whoever looks
        loaded, aside = Path(temporary) / "loaded", Path(temporary) / "run"
        with told_to_people():
            commit = api.model_info(name).sha
            sizes = _sizes(api, name, commit)
            show(f"Downloading {len(sizes)} files.")
            for file, size in sizes.items():
                api.hf_hub_download(name, f"{FOLDER}/{file}", revision=commit, local_dir=loaded)
                _take(loaded / FOLDER / file, aside / file, size)
        check(RunDirectory(aside))
        aside.rename(target)
    return RunDirectory(target)


def _remove_abandoned(folder: Path) -> None:
    """What a pull that was killed has left; one under way is never so old."""
    for left in folder.glob(f"{PULLED}*"):
        with suppress(FileNotFoundError):  # its pull has just ended
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def _sizes(api: "HfApi", name: str, commit: str | None) -> dict[str, int]:
    """Of the run's files there; others are left where they are. Raises HubError."""
    there = api.list_repo_tree(name, FOLDER, recursive=True, revision=commit)
    found = {entry.path.removeprefix(f"{FOLDER}/"): getattr(entry, "size", None) for entry in there}
    sizes = {file: size for file, size in found.items() if isinstance(size, int) and _most(file)}
    if not {"config.json", "model.safetensors"} <= set(sizes):
        raise HubError(f"There is no run in hub:{name}: it has no {FOLDER}/config.json with a checkpoint.")
    if len(sizes) > MOST_FILES or any(size > _most(file) for file, size in sizes.items()):
        raise HubError(f"The files of hub:{name} are larger or more than those of a run. Nothing was downloaded.")
    return sizes


def _most(file: str) -> int:
    """Bytes that this file of a run may have; 0 for what no run has."""
    return MOST_BYTES["model.safetensors"] if _EPOCH.fullmatch(file) else MOST_BYTES.get(file, 0)


def _take(downloaded: Path, path: Path, size: int) -> None:
    if downloaded.is_symlink() or not downloaded.is_file() or downloaded.stat().st_size != size:
        raise HubError(f"'{path.name}' came otherwise than the repository said. Pull again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(downloaded, path)


def check(run: RunDirectory) -> None:
    """Raises HubError for what does not read as a run with whole checkpoints. Nothing is unpickled."""
    from resnet_demo.models.checkpoint import load_model

    try:
        run.config()
        run.view()
        for path in (run.model_path, *map(run.epoch_path, run.saved_epochs())):
            load_model(path)
    except UserError as error:
        raise HubError(f"What came is no run that can be used, and is not kept. {error}") from error
