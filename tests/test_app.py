"""`python app.py`: its flags, Gradio's environment variables, and what it says when it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

import app
from app import page_address

ROOT = Path(__file__).parents[1]
LONG = 90.0  # seconds; a bound for a busy machine, never a measure


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*flags, **environment) -> subprocess.Popen:
    return run_python("app.py", *flags, **environment)


def run_python(*arguments, cwd=ROOT, **environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def answering(port: int, *flags, **environment):
    """The app, once it answers on this port."""
    with ending(start(*flags, **environment)) as process:
        wait_until_answering(port, process)
        yield process


@contextmanager
def ending(process: subprocess.Popen):
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONG)


def wait_until_answering(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + LONG
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200
            return
        except httpx.TransportError:
            time.sleep(0.1)


def test_gradios_variables_are_honoured_and_the_page_can_be_installed(tmp_path):
    port = free_port()
    with answering(port, "--runs", tmp_path, GRADIO_SERVER_PORT=str(port), GRADIO_SERVER_NAME="127.0.0.1"):
        manifest = httpx.get(f"http://127.0.0.1:{port}/manifest.json").json()
        assert manifest["name"] == "ResNet-50, opened" and manifest["icons"]


def test_flags_win_and_a_taken_port_is_one_line(tmp_path):
    port, other = free_port(), free_port()
    with answering(port, "--port", port, "--runs", tmp_path, GRADIO_SERVER_PORT=str(other)):
        second = start("--port", port, "--runs", tmp_path)
        said = second.communicate(timeout=LONG)[0]
        assert second.returncode == 1 and f"port {port} is taken" in said and "--port" in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        (["--port", "0"], {}, "must be a number from 1 to 65535, not '0'"),
        (["--port", "-5"], {}, "must be a number from 1 to 65535, not '-5'"),
        (["--port", "99999"], {}, "not '99999'"),
        ([], {"GRADIO_SERVER_PORT": "tcp://10.0.0.1:7860"}, "GRADIO_SERVER_PORT must be a port from 1 to 65535"),
        ([], {"GRADIO_SERVER_PORT": "99999"}, "choose a port with --port"),
        ([], {"GRADIO_NUM_PORTS": "many"}, "GRADIO_NUM_PORTS must be a whole number"),
        ([], {"ALL_PROXY": "socks9://127.0.0.1:9"}, "a proxy of the environment"),
        ([], {"RESNET_DEMO_TOKEN": "x"}, "RESNET_DEMO_TOKEN must have at least 6 characters"),
        ([], {"GRADIO_TEMP_DIR": "/proc/nowhere"}, "Set GRADIO_TEMP_DIR to a folder that you can write to"),
    ],
    ids=str,
)
def test_what_the_app_cannot_start_with_is_one_sentence(tmp_path, flags, environment, words):
    process = start(*flags, "--runs", tmp_path, **environment)
    said = process.communicate(timeout=LONG)[0]
    assert process.returncode in (1, 2) and words in said.splitlines()[-1] and "Traceback" not in said


def test_a_port_flag_wins_over_a_wrong_variable_and_no_proxy_is_asked_for_this_machine(tmp_path):
    port = free_port()
    wrong = {"GRADIO_SERVER_PORT": "tcp://10.0.0.1:7860", "HTTP_PROXY": "http://127.0.0.1:9"}
    for name in ("ALL_PROXY", "http_proxy", "all_proxy"):
        wrong[name] = wrong["HTTP_PROXY"]
    with ending(start("--port", port, "--runs", tmp_path, **wrong, NO_PROXY="", no_proxy="")) as process:
        with httpx.Client(trust_env=False) as client:
            deadline = time.monotonic() + LONG
            while True:
                assert process.poll() is None and time.monotonic() < deadline
                with suppress(httpx.TransportError):
                    assert client.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200
                    break
                time.sleep(0.1)
        while "Running on local URL" not in (line := process.stdout.readline()):
            assert line
        time.sleep(1)  # after it Gradio asks its own server
        assert process.poll() is None


def test_an_address_that_is_not_this_machines_is_one_line(tmp_path):
    for host in ("192.0.2.1", "no-such-name.invalid", "192.168..5"):
        process = start("--host", host, "--runs", tmp_path)
        said = process.communicate(timeout=LONG)[0]
        assert process.returncode == 1 and f"cannot listen on '{host}'" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("host", "environment"), [("::1", {}), ("[::1]", {}), ("::1", {"GRADIO_SERVER_NAME": "192.0.2.1"})]
)
def test_an_address_of_version_6_is_taken_where_the_machine_has_it(tmp_path, host, environment):
    port = free_port()
    flags = ["--host", host, "--port", port, "--runs", tmp_path]
    with ending(start(*flags, PYTHONUNBUFFERED="1", **environment)) as process:
        said = process.stdout.readline()
        if "cannot listen on '::1'" not in said:
            assert f"http://[::1]:{port}" in said
            assert httpx.get(f"http://[::1]:{port}/", timeout=LONG).status_code == 200


@pytest.mark.parametrize(
    ("environment", "public", "reached"),
    [
        ({}, None, "http://localhost:7860/"),
        ({}, "https://x.gradio.live", "https://x.gradio.live"),
        ({"SPACE_HOST": "someone-resnet.hf.space"}, None, "https://someone-resnet.hf.space/"),
        ({"GRADIO_ROOT_PATH": "https://example.org/resnet"}, None, "https://example.org/resnet/"),
        ({"GRADIO_ROOT_PATH": "/resnet"}, None, "http://localhost:7860/"),
    ],
)
def test_the_owners_link_leads_where_people_reach_the_page(monkeypatch, environment, public, reached):
    for name in ("SPACE_HOST", "GRADIO_ROOT_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert page_address(public, "http://localhost:7860/") == reached


@pytest.mark.parametrize("unanswered", [2, 1000])
def test_a_page_that_answers_late_is_asked_again_and_one_that_never_does_is_one_line(tmp_path, unanswered):
    """Under load the first answer takes longer than Gradio waits."""
    late = "answers = iter([False] * int(sys.argv.pop()) + [True] * 9); networking.url_ok = lambda url: next(answers)"
    port = free_port()
    command = f"import sys; from gradio import networking; {late}; import app; app.main()"
    flags = ["--port", port, "--runs", tmp_path, unanswered]
    with ending(run_python("-c", command, *flags, RESNET_DEMO_TOKEN="secret")) as process:
        if unanswered == 2:
            assert any("owner's link" in line for line in process.stdout)  # said once it is launched
            assert httpx.get(f"http://127.0.0.1:{port}/manifest.json").json()["name"] == "ResNet-50, opened"
        else:
            said = process.communicate(timeout=LONG)[0]
            assert process.returncode == 1 and "does not answer. Start again" in said and "Traceback" not in said


def test_a_token_that_is_set_guards_the_page_on_loopback_too(tmp_path):
    port = free_port()
    with answering(port, "--port", port, "--runs", tmp_path, RESNET_DEMO_TOKEN="se+cret/&=") as process:
        while "owner's link" not in (line := process.stdout.readline()):
            assert line
        assert line.strip().endswith(f"http://127.0.0.1:{port}/?token=se%2Bcret%2F%26%3D")


@pytest.mark.parametrize("source", ["cifar", "folder:", "folder:/nowhere/at/all", "/tmp"])
def test_a_source_that_is_not_there_is_a_wrong_call(source):
    process = start("--data", source)
    said = process.communicate(timeout=LONG)[0]
    assert process.returncode == 2 and "--data must be folder:PATH" in said and "Traceback" not in said


def test_a_lost_terminal_ends_the_app_as_sigterm_does(tmp_path):
    port = free_port()
    with answering(port, "--port", port, "--runs", tmp_path) as process:
        process.send_signal(signal.SIGHUP)
        assert process.wait(LONG) == 0


STARTED = "import runpy, signal, sys; {}; sys.argv = ['app.py']; runpy.run_path('app.py', run_name='__main__')"


@pytest.mark.parametrize("package", ["gradio", "psutil", "httpx"])
def test_a_missing_package_is_one_line(package):
    said = run_python("-c", STARTED.format(f"sys.modules[{package!r}] = None"))
    assert (text := said.communicate(timeout=LONG)[0]).startswith("app.py: A package could not be loaded")
    assert said.returncode == 1 and package in text and text.count("\n") == 1


def test_ctrl_c_while_gradio_is_imported_says_nothing():
    pressed = "sys.meta_path.insert(0, type('', (), {'find_spec': lambda self, name, *_: signal.raise_signal(2) if name == 'gradio' else None})())"  # noqa: E501
    process = run_python("-c", STARTED.format(pressed))
    assert process.communicate(timeout=LONG)[0] == "" and process.returncode == -signal.SIGINT


def test_the_app_ends_well_while_torch_is_being_imported(tmp_path):
    port = free_port()
    with answering(port, "--port", port, "--runs", tmp_path) as process:
        url = f"http://127.0.0.1:{port}/"
        handlers = httpx.get(f"{url}config", timeout=LONG).json()["dependencies"]
        prepare = next(handler["id"] for handler in handlers if handler["api_name"] == "prepare")
        asked = {"fn_index": prepare, "data": [], "session_hash": "test"}
        with suppress(httpx.ReadTimeout):
            httpx.post(f"{url}gradio_api/run/predict", json=asked, timeout=2)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0 and "terminate" not in said


def test_mcp_without_its_package_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        app.parse_flags(["--mcp"])
    assert "pip install 'gradio[mcp]'" in capsys.readouterr().err
