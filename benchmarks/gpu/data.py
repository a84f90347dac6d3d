"""The images: unpacked where DATA is an archive, decoded once into one file of tensors."""

import tarfile
import time
from pathlib import Path

from benchmarks.gpu.setting import Setting
from resnet_demo.data.sources import drain, load_dataset


def run(setting: Setting) -> None:
    setting.report("## Data\n")
    start = time.perf_counter()
    folder = unpacked(setting.data, setting.work) if setting.data.is_file() else setting.data
    unpacked_s = time.perf_counter() - start
    source = f"folder:{folder.resolve()}"
    dataset = drain(load_dataset(source, setting.data_dir))
    setting.keep(source=source)
    counts = f"{len(dataset.train_labels):,} images to train on, {len(dataset.test_labels):,} to test on"
    seconds = f"unpacked in {unpacked_s:.1f} s, decoded in {time.perf_counter() - start - unpacked_s:.1f} s"
    setting.report(f"{counts}, {len(dataset.classes)} classes; {seconds}.\n")


def unpacked(archive: Path, work: Path) -> Path:
    """The folder with the archive's files, which is complete or not there."""
    folder = work / f"images-{archive.stat().st_size}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.part")
        with tarfile.open(archive) as tar:
            tar.extractall(unfinished, filter="data")
        unfinished.rename(folder)
    return folder
