"""The decoding process: the same pixels as without it, and limits that only the file at fault meets."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from resnet_demo.data import decoder, decoding
from resnet_demo.data.dataset import DataError, LoadProgress, drain
from resnet_demo.data.decoder import Decoder, DecoderDied, OneDecoder
from resnet_demo.data.framing import fit
from resnet_demo.data.headers import ImageError
from resnet_demo.data.images import MAX_FILE_BYTES, load_image
from resnet_demo.data.sources import load_dataset
from resnet_demo.language import in_language

ROOT = Path(decoder.__file__).parents[2]


@pytest.fixture
def one():
    """A decoder of the test's own."""
    one = OneDecoder()
    yield one
    one.close()


@pytest.fixture
def images(tmp_path) -> list[str]:
    """Nine small files."""
    paths = [tmp_path / f"{index}.png" for index in range(9)]
    for index, path in enumerate(paths):
        pixels = np.random.RandomState(index).randint(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return [str(path) for path in paths]


@pytest.fixture
def good(images) -> Path:
    return Path(images[0])


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """Lets a decoding process run some code as it starts, as if Pillow did so: the process is a new Python."""

    def write(code: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


AT_BAD = """
import os, signal, sys, time
if "resnet_demo.data.decoder_process" in sys.orig_argv:
    sys.path.insert(0, os.getcwd())
    from resnet_demo.data import images
    read = images._read
    def attacked(path):
        if path.name.startswith("bad"):
            {what}
        return read(path)
    images._read = attacked
"""
TOO_SLOW, TOO_LONG, CRASH = "time.sleep(60)", "while True: pass", "os.kill(os.getpid(), signal.SIGSEGV)"
TOO_LARGE = "hoard = [bytes(10_000_000) for _ in range(1000)]"
FAIL = "raise AssertionError('a bug of a plugin')"


def bad_file(good: Path) -> Path:
    bad = good.with_name("bad.png")
    bad.write_bytes(good.read_bytes())
    return bad


def children_of(process: psutil.Process | None = None) -> list[psutil.Process]:
    found = (process or psutil.Process()).children(recursive=True)
    return [child for child in found if "resnet_demo.data.decoder_process" in command_of(child)]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


# --- one file -------------------------------------------------------------------------------------------------


def test_a_file_gives_the_pixels_that_it_has_without_a_process(one, good):
    read = one.load(good)
    assert read.image == fit(load_image(good)) and read.image.mode == "RGB" and not read.trimmed


def test_what_is_refused_has_the_same_sentence(one, good):
    good.write_bytes(good.read_bytes()[:100])
    for path in (good, good.with_name("missing.png")):
        with pytest.raises(ImageError) as here:
            load_image(path)
        with pytest.raises(ImageError) as there:
            one.load(path)
        assert str(here.value) == str(there.value)


def test_it_is_refused_in_the_language_of_who_asks(one, good):
    with good.open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    for language, said in (("zh", "文件大小为 25 MB"), ("en", "The file has 25 MB")):
        with in_language(language), pytest.raises(ImageError, match=said):
            one.load(good)


def test_the_process_starts_with_the_first_file_and_is_kept(good):
    one, before = OneDecoder(), len(children_of())
    assert len(children_of()) == before
    one.load(good)
    first = one._decoder.pid
    one.load(good)
    assert one._decoder.pid == first and len(children_of()) == before + 1
    one.close()
    assert len(children_of()) == before


def test_a_relative_path_and_one_that_is_no_text_are_read(one, good, monkeypatch):
    odd = good.with_name(os.fsdecode(b"caf\xe9 \n.png"))
    odd.write_bytes(good.read_bytes())
    monkeypatch.chdir(good.parent)
    assert one.load(Path(odd.name)).image == one.load(Path(good.name)).image


@pytest.mark.parametrize(
    ("what", "said"),
    [(TOO_SLOW, "too long"), (TOO_LONG, "too long"), (TOO_LARGE, "memory"), (CRASH, "fail"), (FAIL, "fail")],
    ids=["slow", "long", "large", "crash", "bug"],
)
def test_a_file_that_meets_a_limit_is_a_sentence_and_the_next_is_read(one, good, hook, what, said):
    code = AT_BAD.format(what=what)
    code += "    from resnet_demo.data import decoder\n    decoder.WALL_S, decoder.CPU_S = 2.0, 1\n"
    hook(code)
    expected = one.load(good).image
    with pytest.raises(ImageError, match=said) as caught:
        one.load(bad_file(good))
    assert str(caught.value).endswith(".") and str(good.parent) not in str(caught.value)
    assert one.load(good).image == expected


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's address space")
def test_memory_is_limited_whatever_takes_it(one, good, hook):
    """By the kernel: the most that the process ever held stays below the limit and what Python itself takes."""
    hook(AT_BAD.format(what=f"{TOO_LARGE.split(' = ')[1]}"))
    one.load(good)
    process = psutil.Process(one._decoder.pid)
    assert process.rlimit(psutil.RLIMIT_AS)[0] - process.memory_info().vms <= decoder.MEMORY_BYTES
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    with pytest.raises(ImageError, match="more memory"):
        one.load(bad_file(good))


WATCH = """
import sys
import time
import psutil
from resnet_demo.data import decoder_process
sys.platform = "darwin"
decoder_process._resident = lambda: psutil.Process().memory_info().rss  # Linux counts the parent's from before exec
decoder_process.decoder.MEMORY_BYTES = 50_000_000
decoder_process._limit()
hoard = []
while True:
    hoard.append(b"x" * 1_000_000)
    time.sleep(0.001)  # the watch is a thread of this process, and must get its turn
"""


def test_where_the_kernel_limits_no_memory_a_thread_watches_it():
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"  # should it not
    done = subprocess.run([sys.executable, "-c", limited + WATCH], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 3


def test_a_process_that_was_killed_while_nobody_asked_is_replaced(one, good):
    expected = one.load(good).image
    os.kill(one._decoder.pid, signal.SIGKILL)
    one._decoder._process.wait()
    assert one.load(good).image == expected


def test_a_process_that_is_killed_from_outside_is_not_called_the_files_fault(one, good, hook):
    hook(AT_BAD.format(what="os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(ImageError, match="ended from outside"):
        one.load(bad_file(good))


def test_a_process_that_does_not_even_end_itself_is_ended(one, good, hook, monkeypatch):
    hook(AT_BAD.format(what="os.kill(os.getpid(), signal.SIGSTOP)"))
    one.load(good)
    pid = one._decoder.pid
    monkeypatch.setattr(decoder, "WALL_S", 0.2)
    monkeypatch.setattr(decoder, "GRACE_S", 0.2)
    with pytest.raises(ImageError, match="too long"):
        one.load(bad_file(good))
    assert not psutil.pid_exists(pid)


def test_a_process_that_cannot_start_is_a_sentence(one, good, hook):
    hook("import sys\nif 'resnet_demo.data.decoder_process' in sys.orig_argv: sys.exit('no')")
    with pytest.raises(ImageError, match="could not be started"):
        one.load(good)


def test_a_process_that_used_up_its_memory_is_replaced(one, good, hook):
    hook(AT_BAD.format(what="images.kept = bytearray(2**28)"))
    one.load(bad_file(good))
    first = one._decoder.pid
    one.load(good)
    assert one._decoder.pid != first


def test_many_threads_may_ask(one, images):
    expected = [fit(load_image(Path(path))) for path in images]
    found = [None] * len(images)

    def ask(place: int) -> None:
        found[place] = one.load(Path(images[place])).image

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_an_answer_of_another_length_is_no_answer():
    with pytest.raises(ValueError):
        decoder.Answer.unpack(b"\0" * 100, 1)


# --- many files -----------------------------------------------------------------------------------------------


def drained(paths: list[str], in_processes: bool = True) -> tuple[np.ndarray, list[int], list[LoadProgress]]:
    events = []
    decoded, unreadable = drain(decoding.decode(paths, in_processes), events.append)
    return decoded, unreadable, events


def test_one_process_and_many_decode_what_no_process_does(images):
    paths = images * 20
    paths.insert(33, str(Path(images[0]).with_name("missing.png")))
    expected = np.stack([np.asarray(fit(load_image(Path(path)))) for path in images]).transpose(0, 3, 1, 2)
    for in_processes in (False, True):
        decoded, unreadable, events = drained(paths, in_processes)
        assert unreadable == [33] and not decoded[33].any()
        assert np.array_equal(np.delete(decoded, 33, axis=0), np.tile(expected, (20, 1, 1, 1)))
        assert events[0] == LoadProgress("decoding", 0, 181) and events[-1] == LoadProgress("decoding", 181, 181)


@pytest.mark.parametrize("what", [CRASH, TOO_LARGE, FAIL], ids=["crash", "large", "bug"])
def test_of_a_folder_only_the_file_that_ends_a_process_is_unreadable(images, hook, what):
    bad = bad_file(Path(images[0]))
    paths = images * 12
    for place in (5, 40, 41):
        paths.insert(place, str(bad))
    expected, _, _ = drained(paths)
    hook(AT_BAD.format(what=what))
    decoded, unreadable, _ = drained(paths)
    assert unreadable == [5, 40, 41]
    kept = np.delete(np.arange(len(paths)), unreadable)
    assert np.array_equal(decoded[kept], expected[kept]) and not decoded[unreadable].any()


def test_a_killed_process_costs_no_file(images):
    paths = images * 1500  # so many that they are not done before one is killed
    others = children_of()  # an earlier test's may still wait for more
    loading = decoding.decode(paths, in_processes=True)
    next(loading), next(loading)
    next(child for child in children_of() if child not in others).kill()
    decoded, unreadable = drain(loading)
    assert unreadable == [] and decoded.any((1, 2, 3)).all()


def test_processes_that_are_killed_again_and_again_are_a_sentence(images, hook):
    hook(AT_BAD.format(what="os.kill(os.getpid(), signal.SIGKILL)"))
    others = children_of()
    with pytest.raises(DataError, match="ended from outside") as caught:
        drained([*images, str(bad_file(Path(images[0])))])
    assert isinstance(caught.value.__cause__, DecoderDied)
    assert children_of() == others


def test_processes_that_cannot_start_are_a_sentence(images, hook):
    hook("import sys\nif 'resnet_demo.data.decoder_process' in sys.orig_argv: sys.exit('no')")
    with pytest.raises(DataError, match="could not be started"):
        drained(images)


def test_a_loading_that_is_closed_leaves_no_process_and_no_cache(images, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for path in images:
            (tmp_path / "p" / name / Path(path).name).symlink_to(path)
    before = len(children_of())
    loading = load_dataset(f"folder:{tmp_path / 'p'}", tmp_path / "data")
    events = [next(loading), next(loading)]
    loading.close()
    assert events[-1].phase == "decoding" and not (tmp_path / "data").exists()
    assert len(children_of()) == before


def test_a_decoding_process_leaves_a_request_to_end_to_its_parent(good):
    """As systemd or Slurm sends it, to all processes at once."""
    process = Decoder()
    try:
        for _ in range(2):
            process.ask([str(good)])
            assert process.wait(30).outcomes == bytes([decoder.READ])
            os.kill(process.pid, signal.SIGTERM)
    finally:
        process.close()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE  # init may be slow to bury it
    except psutil.NoSuchProcess:
        return False


DECODE = """
import sys
from resnet_demo.data.decoding import decode
loading = decode(sys.argv[1:2] * 200_000, in_processes=True)
while next(loading).done == 0:
    pass
print("decoding", flush=True)
list(loading)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_program_that_is_ended_in_mid_decoding_takes_its_processes_along(good, how):
    command = [sys.executable, "-c", DECODE, str(good)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as program:
        program.stdout.readline()
        children = children_of(psutil.Process(program.pid))
        if how == signal.SIGINT:
            os.killpg(program.pid, how)  # as Ctrl-C does: the whole group gets it
        else:
            program.kill()
        try:
            _, said = program.communicate(timeout=30)
        finally:
            program.kill()  # one that hangs would hold the whole suite
    deadline = time.monotonic() + 10
    while any(is_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children and not any(is_alive(child) for child in children)
    assert said.count("Traceback") == (1 if how == signal.SIGINT else 0), "a decoding process complained"


def test_a_large_folder_reports_while_it_decodes(images, monkeypatch):
    monkeypatch.setattr(decoding, "TICK_S", 0.001)
    _, _, events = drained(images * 20)
    done = [event.done for event in events]
    assert done == sorted(done) and any(0 < count < 180 for count in done) and events[-1].done == events[-1].total


def test_a_forked_process_decodes_by_itself_also_where_a_thread_of_the_parent_decodes(good):
    """As a slice of ZeroGPU, which is forked from the page at any moment. In a process that may be forked."""
    program = f"""
import os, signal
from pathlib import Path
from resnet_demo.data import decoder

good = Path({str(good)!r})
decoder.load_image(good)
parents = decoder._kept._decoder
with decoder._kept._guard:
    if not (child := os.fork()):
        signal.alarm(60)
        decoder.load_image(good)
        os._exit(0 if decoder._kept._decoder.pid != parents.pid else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert code == 0, code
decoder.load_image(good)
assert decoder._kept._decoder is parents
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120, cwd=ROOT)
