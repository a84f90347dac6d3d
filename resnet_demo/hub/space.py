"""A Hugging Face Space with this app: what is uploaded, and how the Space is made, filled and waited for.

huggingface_hub is imported where it is used: listing what would be uploaded takes neither it nor a network.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import resnet_demo
from resnet_demo.errors import UserError
from resnet_demo.owner_token import TOKEN_VARIABLE, chosen_token, new_token, owners_link
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.lasting import lasting_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PROJECT = Path(resnet_demo.__file__).parents[1]
APP_FILES = ("README.md", "LICENSE", "app.py", "requirements.txt")
PACKAGE = "resnet_demo"
RUNS = "checkpoints"  # where app.py looks for runs
HARDWARE = ("cpu-basic", "t4-small", "zero-a10g")
BUILD_TIMEOUT_S, POLL_S = 1800.0, 5.0
FAILED = ("BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING")
HALTED = ("PAUSED", "STOPPED")


class HubError(UserError):
    """Why something cannot be done on Hugging Face: a sentence for people."""


class SpaceError(HubError):
    """A Space that could not be made or does not run: a sentence for people."""


@dataclass(frozen=True)
class Upload:
    """A file, and where it goes in the Space."""

    place: str
    file: Path

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size


@dataclass(frozen=True)
class Deployed:
    """`owners_link` is None where the Space keeps a secret that it had before, which nobody can read back."""

    address: str
    owners_link: str | None


# --- what is uploaded -------------------------------------------------------------------------------------------


def app_uploads(project: Path = PROJECT) -> list[Upload]:
    """What the app takes to start. Raises SpaceError where this is not the project's own folder."""
    if missing := [name for name in APP_FILES if not (project / name).is_file()]:
        raise SpaceError(
            f"'{missing[0]}' is not beside the package, as where it was installed by pip. Deploy from a checkout of "
            "the project."
        )
    package = sorted(path for path in (project / PACKAGE).rglob("*") if _is_source(path.relative_to(project)))
    files = [*(project / name for name in APP_FILES), *(path for path in package if path.is_file())]
    return [Upload(path.relative_to(project).as_posix(), path) for path in files]


def _is_source(path: Path) -> bool:
    return path.suffix != ".pyc" and not any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def run_uploads(runs: Sequence[RunDirectory]) -> list[Upload]:
    """Runs of one's own that the Space shows from its first start. Raises SpaceError for one that trains now."""
    for run in runs:
        if run.is_alive():
            raise SpaceError(f"The run '{run.id}' is training now. Pause it, then deploy.")
    return [
        Upload(f"{RUNS}/{run.path.name}/{path.relative_to(run.path).as_posix()}", path)
        for run in runs
        for path in lasting_files(run)
    ]


def front_matter(project: Path = PROJECT) -> str:
    """The head of README.md, which configures the Space."""
    return (project / "README.md").read_text(encoding="utf-8").split("---\n")[1]


# --- the Space --------------------------------------------------------------------------------------------------


def connect() -> "HfApi":
    """The client of Hugging Face, with the token of HF_TOKEN or of `hf auth login`."""
    from huggingface_hub import HfApi

    return HfApi()


def check_name(name: str) -> None:
    """Raises SpaceError for what is not USER/NAME."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise SpaceError(f"A Space is named USER/NAME, as in someone/resnet-opened, not '{name}'.")


def deploy(
    api: "HfApi", name: str, uploads: Sequence[Upload], hardware: str | None, show: Callable[[str], object]
) -> Deployed:
    """Make the Space with its secret, or take the one that is there, whose secret stays; upload, and wait until it
    runs. `show` is told what is being done. Raises SpaceError or TokenError."""
    check_name(name)
    token = chosen_token() or new_token()
    with told_to_people():
        check_token(api)
        is_known = _make(api, name, hardware, token, show)
        show(f"Uploading {len(uploads)} files.")
        commit = _upload(api, name, uploads)
        _wait_until_running(api, name, commit, show)
        address = f"{api.space_info(name).host}/"
    return Deployed(address, owners_link(address, token) if is_known else None)


def check_token(api: "HfApi") -> None:
    role = api.whoami().get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise HubError(
            "This Hugging Face token may only read. Make one that may write (https://huggingface.co/settings/tokens), "
            "then run: hf auth login"
        )


def _make(api: "HfApi", name: str, hardware: str | None, token: str, show: Callable[[str], object]) -> bool:
    """Whether the Space's secret is this token: one that it had before stays."""
    if not api.repo_exists(name, repo_type="space"):
        show(f"Making the Space {name}.")
        secret = [{"key": TOKEN_VARIABLE, "value": token}]
        chosen: Any = {"space_hardware": hardware} if hardware else {}
        api.create_repo(name, repo_type="space", space_sdk="gradio", space_secrets=secret, **chosen)
        return True
    if hardware:
        wanted: Any = hardware  # a text, which the library takes and does not annotate
        api.request_space_hardware(name, wanted)
    if TOKEN_VARIABLE in api.get_space_secrets(name):
        return False
    api.add_space_secret(name, TOKEN_VARIABLE, token)
    return True


def _upload(api: "HfApi", name: str, uploads: Sequence[Upload]) -> str:
    """One commit, its id returned: the app's files as they are here, without those that it has no more. Runs that are
    in the Space stay there."""
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    added = {upload.place for upload in uploads}
    there = api.list_repo_files(name, repo_type="space")
    old = [path for path in there if path.startswith(f"{PACKAGE}/") and path not in added]
    operations: list[CommitOperationAdd | CommitOperationDelete | CommitOperationCopy] = [
        CommitOperationAdd(upload.place, str(upload.file)) for upload in uploads
    ]
    operations += [CommitOperationDelete(path) for path in old]
    message = f"resnet_demo {resnet_demo.__version__}"
    return api.create_commit(name, operations, commit_message=message, repo_type="space").oid


def _wait_until_running(api: "HfApi", name: str, commit: str, show: Callable[[str], object]) -> None:
    """Until this commit runs: while it is built, the one before may still be running."""
    deadline, last = time.monotonic() + BUILD_TIMEOUT_S, ""
    page = f"https://huggingface.co/spaces/{name}"
    while True:
        runtime = api.get_space_runtime(name)
        is_ours = runtime.raw.get("sha") in (None, commit)
        stage = getattr(runtime.stage, "value", runtime.stage)
        if stage != last:
            show(f"The Space: {stage.lower().replace('_', ' ')}.")
            last = stage
        if stage in FAILED and is_ours:
            why = runtime.raw.get("errorMessage")
            raise SpaceError(f"The Space does not run ({stage}{f': {why}' if why else ''}). Its log: {page}?logs=build")
        if stage in HALTED:
            raise SpaceError(f"The app is uploaded, but the Space is {stage.lower()}. Start it again: {page}/settings")
        if stage == "RUNNING" and is_ours:
            return
        if time.monotonic() > deadline:
            raise SpaceError(f"The Space is not running after {BUILD_TIMEOUT_S / 60:.0f} minutes. Look at {page}")
        time.sleep(POLL_S)


@contextmanager
def told_to_people() -> Iterator[None]:
    """What the client raises becomes a HubError."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise HubError(
            "There is no Hugging Face token here. Make one that may write (https://huggingface.co/settings/tokens), "
            "then run: hf auth login"
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status == 401:
            raise HubError("Hugging Face does not take this token. Log in again: hf auth login") from error
        said = error.server_message or str(error).partition("\n")[0]
        raise HubError(f"Hugging Face refused it: {said}") from error
    except unanswered() as error:
        raise HubError(f"Hugging Face cannot be reached ({error}). Try again later.") from error


def unanswered() -> tuple[type[Exception], ...]:
    """What the client raises where it comes to no answer. It speaks through httpx, and from version 2 on through
    httpx2, whose errors are others."""
    from huggingface_hub import get_session

    library = sys.modules[type(get_session()).__module__.partition(".")[0]]
    return library.HTTPError, ConnectionError
