"""What docs/export.md shows can be typed as it stands there."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

from PIL import Image

from resnet_demo.cli.main import main
from resnet_demo.data.known import CIFAR10
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import INFO, make_run

DOCUMENT = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def test_every_command_and_example_runs(tmp_path, monkeypatch, capsys):
    make_run(RunStore(tmp_path / "checkpoints"), "RUN", replace(INFO, classes=CIFAR10.classes, data="cifar10"))
    Image.new("RGB", (50, 40), "red").save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(bash|python)\n(.*?)```", DOCUMENT, re.DOTALL)
    prefix = "python -m resnet_demo "
    for language, block in blocks:
        if language == "python":
            exec(block, {})
        for line in block.splitlines():
            if line.startswith(prefix):
                assert main(shlex.split(line.removeprefix(prefix), comments=True)) == 0
    assert [language for language, _ in blocks].count("python") == 3
    assert {"cat.safetensors", "cat.onnx", "cat-network"} <= {path.name for path in tmp_path.iterdir()}
    assert set(capsys.readouterr().out.splitlines()) & set(CIFAR10.classes)  # onnxruntime has answered
