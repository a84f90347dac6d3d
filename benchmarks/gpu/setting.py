"""What a part is told, and where it puts what it finds."""

import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """`work` is a scratch folder that all parts share; `until` is when the part is to have ended, in Unix seconds."""

    part: str
    device: str  # "cuda" or "cpu"
    tiny: bool
    data: Path  # the image folder or its archive, as it was typed
    work: Path
    until: float

    @property
    def remaining_s(self) -> float:
        return self.until - time.time()

    @property
    def data_dir(self) -> Path:
        """Where decoded images are kept, as `--data-dir` of the commands."""
        return self.work / "data"

    @property
    def runs(self) -> Path:
        """This part's own folder of runs."""
        return self.work / "runs" / self.part

    def source(self) -> str:
        """What the networks learn from, as the part `data` has left it: "folder:…"."""
        return self.found("data")["source"]

    # --- what is found ----------------------------------------------------------------------------------------

    def report(self, line: str = "") -> None:
        """Add a line of Markdown to the part's table, at once on the disk."""
        print(line, flush=True)
        self.note(line)

    def note(self, line: str, below: bool = False) -> None:
        """The same without printing it; `below` under all lines that are not, whenever it comes."""
        with _table(self.work, self.part, below).open("a", encoding="utf-8") as table:
            table.write(line + "\n")

    def keep(self, **values: Any) -> None:
        """Keep values for the parts that follow."""
        path = self.work / f"{self.part}.json"
        path.write_text(json.dumps({**self.found(self.part), **values}), encoding="utf-8")

    def found(self, part: str) -> dict[str, Any]:
        """What an earlier part has kept; empty where it has not run."""
        return found_in(self.work, part)


def found_in(work: Path, part: str) -> dict[str, Any]:
    path = work / f"{part}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _table(work: Path, part: str, below: bool = False) -> Path:
    return work / f"{part}{'-below' * below}.md"


def tables(work: Path, parts: list[str]) -> str:
    """What the parts have reported so far."""
    files = (_table(work, part, below) for part in parts for below in (False, True))
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def begin(work: Path, part: str) -> None:
    """Forget what an earlier call of the part has reported, kept and trained."""
    shutil.rmtree(work / "runs" / part, ignore_errors=True)
    for path in (_table(work, part), _table(work, part, below=True), work / f"{part}.json"):
        path.unlink(missing_ok=True)


def python_environment(work: Path) -> dict[str, str]:
    """For a process that trains: compiled kernels are kept, so that what one part has compiled the next one has."""
    compiled = {name: str(work / "compiled" / name.lower()) for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
    return {**compiled, **os.environ, "PYTHONUNBUFFERED": "1"}


def project_root() -> Path:
    return Path(__file__).resolve().parents[2]


def python_module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, arguments)]
