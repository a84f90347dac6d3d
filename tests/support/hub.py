"""Hugging Face as far as a deploy sees it: the client's own methods with their own signatures, over one account's
Spaces in memory; and as far as signing in and asking for one's GPU time go, a server on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from unittest.mock import create_autospec

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.hf_api import SpaceRuntime


@dataclass
class Space:
    secrets: dict = field(default_factory=dict)
    hardware: str | None = None
    files: dict = field(default_factory=dict)  # path -> bytes
    commits: list = field(default_factory=list)


class Hub:
    """`stages` are what the Space is in, one after the other, once something was uploaded; the last one stays."""

    def __init__(self, role: str = "write", stages: tuple[str, ...] = ("BUILDING", "APP_STARTING", "RUNNING")) -> None:
        self.role, self.stages = role, list(stages)
        self.spaces: dict[str, Space] = {}
        self.why_not: Exception | None = None  # what asking who one is raises
        self.api = create_autospec(HfApi, instance=True)  # refuses what the real client does not take
        for name in ("whoami", "repo_exists", "create_repo", "get_space_secrets", "add_space_secret", "list_repo_files",
                     "create_commit", "get_space_runtime", "space_info", "request_space_hardware"):  # fmt: skip
            getattr(self.api, name).side_effect = getattr(self, f"_{name}")

    def _whoami(self):
        if self.why_not:
            raise self.why_not
        return {"name": "someone", "auth": {"type": "access_token", "accessToken": {"role": self.role}}}

    def _repo_exists(self, name, repo_type):
        return repo_type == "space" and name in self.spaces

    def _create_repo(self, name, repo_type, space_sdk, space_secrets, space_hardware=None):
        assert (repo_type, space_sdk) == ("space", "gradio") and name not in self.spaces
        secrets = {secret["key"]: secret["value"] for secret in space_secrets}
        self.spaces[name] = Space(secrets, space_hardware, {".gitattributes": b""})

    def _get_space_secrets(self, name):
        return dict.fromkeys(self.spaces[name].secrets)  # values are never read back

    def _add_space_secret(self, name, key, value):
        self.spaces[name].secrets[key] = value

    def _request_space_hardware(self, name, hardware):
        self.spaces[name].hardware = hardware

    def _list_repo_files(self, name, repo_type):
        return sorted(self.spaces[name].files)

    def _create_commit(self, name, operations, commit_message, repo_type):
        space = self.spaces[name]
        for operation in operations:
            if isinstance(operation, CommitOperationAdd):
                with operation.as_file() as file:
                    space.files[operation.path_in_repo] = file.read()
            else:
                del space.files[operation.path_in_repo]
        space.commits.append(f"commit {len(space.commits) + 1}")
        return SimpleNamespace(oid=space.commits[-1])

    def _get_space_runtime(self, name):
        stage = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]
        stage, _, sha = stage.partition(" of ")
        told = {"stage": stage, "sha": sha or self.spaces[name].commits[-1]}
        return SpaceRuntime({**told, "errorMessage": "no such package"} if stage.endswith("ERROR") else told)

    def _space_info(self, name):
        return SimpleNamespace(host=f"https://{name.replace('/', '-')}.hf.space")


class ModelHub:
    """The same for model repositories: what a push writes and a pull reads."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.api = create_autospec(HfApi, instance=True)
        self.api.whoami.return_value = {"auth": {"accessToken": {"role": "write"}}}
        for name in ("create_repo", "create_commit", "model_info", "list_repo_tree", "hf_hub_download"):
            getattr(self.api, name).side_effect = getattr(self, f"_{name}")

    def _create_repo(self, name, repo_type, exist_ok):
        assert repo_type == "model" and exist_ok
        self.repositories.setdefault(name, {})

    def _create_commit(self, name, operations, commit_message, repo_type):
        for operation in operations:
            with operation.as_file() as file:
                self.repositories[name][operation.path_in_repo] = file.read()

    def _model_info(self, name):
        return SimpleNamespace(sha="c0ffee")

    def _list_repo_tree(self, name, path_in_repo, recursive, revision):
        assert revision == "c0ffee" and recursive
        files = self.repositories[name].items()
        there = [SimpleNamespace(path=path, size=len(content)) for path, content in files]
        return [SimpleNamespace(path=f"{path_in_repo}/epochs"), *(e for e in there if e.path.startswith(path_in_repo))]

    def _hf_hub_download(self, name, filename, revision, local_dir):
        assert revision == "c0ffee"
        path = local_dir / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.repositories[name][filename])
        return str(path)


class GpuTimeServer(HTTPServer):
    """Answers whoever asks for GPU time with the status and text of `said`, and keeps the path and token of each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _GpuTimeAnswer)
        self.said: tuple[int, str] = (404, "")
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _GpuTimeAnswer(BaseHTTPRequestHandler):
    server: GpuTimeServer

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            url = self.server.url
            status, said = 200, json.dumps({"issuer": url, "authorization_endpoint": f"{url}/oauth/authorize"})
        elif self.headers["authorization"] is None:  # the client asks for things of its own
            status, said = 404, "{}"
        else:
            self.server.asked.append((self.path, self.headers["authorization"]))
            status, said = self.server.said
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving_gpu_time() -> Iterator[GpuTimeServer]:
    server = GpuTimeServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
