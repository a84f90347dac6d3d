"""`import spaces` of an app that a test starts with this folder on PYTHONPATH. The visitor's quota stands in the file
that ZEROGPU_QUOTA names, so that the test can fill it again. Slices last seconds, not a minute."""

import os
from pathlib import Path

from resnet_demo.ui import zerogpu
from tests.support.zerogpu import ZeroGpu

zerogpu.RESERVE_S, zerogpu.LEAST_S = 48, 59  # of the 60 s that are asked for


class _FromFile(ZeroGpu):
    @property
    def left_s(self) -> float:
        return float(self._quota.read_text())

    @left_s.setter
    def left_s(self, seconds: float) -> None:
        self._quota.write_text(str(seconds))

    @property
    def _quota(self) -> Path:
        return Path(os.environ["ZEROGPU_QUOTA"])


GPU = _FromFile(float(Path(os.environ["ZEROGPU_QUOTA"]).read_text())).GPU


def gradio_auto_wrap(task):
    """What Gradio asks for each handler on a Space; the package gives it back unless told to lend a GPU to all."""
    return task
