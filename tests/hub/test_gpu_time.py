"""What is left of a visitor's GPU time, of a stand-in for Hugging Face on loopback."""

import json
import time

import httpx
import pytest
from huggingface_hub import constants

from resnet_demo.hub.gpu_time import GpuTime, gpu_time
from resnet_demo.hub.space import HubError
from tests.support.hub import serving_gpu_time
from tests.test_app import ROOT, ending, free_port, run_python, wait_until_answering


@pytest.fixture
def hub(monkeypatch):
    with serving_gpu_time() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        yield server


def says(**fields) -> tuple[int, str]:
    return 200, json.dumps(fields)


def test_what_is_left_and_when_it_is_whole_again(hub):
    hub.said = says(base=2400, current=1500.5, resetsAt="2026-11-28T14:05:00.000Z", overquotaUsed=0)
    assert gpu_time("theirs") == GpuTime(1500.5, 2400.0, 1795874700.0)
    assert hub.asked == [("/api/spaces/zero-gpu/quota", "Bearer theirs")]
    hub.said = says(base=2400, current=2400, resetsAt=None, overquotaUsed=0)
    assert gpu_time("theirs") == GpuTime(2400.0, 2400.0, None)
    hub.said = says(base=2400, current=-30, resetsAt=None, overquotaUsed=30)
    assert gpu_time("theirs").left_s == 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ((401, "{}"), "allow it"),
        ((403, "{}"), "allow it"),
        ((500, "<html>"), "not understood (500)"),
        ((200, "[]"), "not understood (200)"),
        (says(base=2400), "not understood"),
        (says(base=2400, current="much"), "not understood"),
        (says(base=2400, current=True), "not understood"),
        (says(base=2400, current=1, resetsAt="soon"), "not understood"),
    ],
)
def test_what_is_no_answer_is_told_in_a_sentence(hub, said, sentence):
    hub.said = said
    with pytest.raises(HubError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        gpu_time("theirs")


def test_nobody_there(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    with pytest.raises(HubError, match="cannot be reached"):
        gpu_time("theirs")


# --- the page ---------------------------------------------------------------------------------------------------

PACKAGE = ROOT / "tests" / "support" / "zerogpu_package"


@pytest.fixture
def space(hub, tmp_path):
    """The address of the app on a ZeroGPU Space whose visitors can sign in."""
    (tmp_path / "quota").write_text("300")
    port = free_port()
    variables = {"SYSTEM": "spaces", "SPACE_ID": "someone/resnet", "SPACE_HOST": "someone-resnet.hf.space"}
    variables |= {
        "SPACES_ZERO_GPU": "true",
        "ZEROGPU_QUOTA": str(tmp_path / "quota"),
        "PYTHONPATH": f"{PACKAGE}:{ROOT}",
    }
    variables |= {"OAUTH_CLIENT_ID": "ours", "OAUTH_CLIENT_SECRET": "secret", "OPENID_PROVIDER_URL": hub.url}
    variables |= {"OAUTH_SCOPES": "openid profile read-billing", "HF_ENDPOINT": hub.url}
    variables |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "RESNET_DEMO_TOKEN": "a secret"}
    folders = ("--runs", str(tmp_path / "runs"), "--data-dir", str(tmp_path / "data"))
    with ending(run_python("app.py", *folders, cwd=ROOT, **variables, GRADIO_TEMP_DIR=str(tmp_path))) as process:
        wait_until_answering(port, process)
        yield f"http://127.0.0.1:{port}/"


def session_of(token: str, scope: str) -> str:
    """The cookie that Gradio gives to who has signed in."""
    from base64 import b64encode
    from hashlib import sha256

    from itsdangerous import TimestampSigner

    told = {"access_token": token, "scope": scope, "expires_at": int(time.time()) + 3600}
    session = {"oauth_info": {**told, "userinfo": {"preferred_username": "anna"}}}
    key = sha256(b"secret-v4").hexdigest()
    return TimestampSigner(key).sign(b64encode(json.dumps(session).encode())).decode()


def shown(space, cookie="", language="en") -> str:
    headers = {"accept-language": language, **({"cookie": f"session={cookie}"} if cookie else {})}
    answer = httpx.post(f"{space}gradio_api/run/gpu_time", json={"data": ["newest"]}, headers=headers, timeout=60)
    return answer.json()["data"][0]


def test_a_visitor_who_has_signed_in_reads_what_is_left(space, hub):
    hub.said = says(base=300, current=200, resetsAt="2026-11-28T14:05:00.000Z")
    assert "Sign in, and this page says" in shown(space) and not hub.asked
    read = shown(space, session_of("annas", "openid profile read-billing"))
    assert "You have 3 min 20 s of GPU time left, of 5 min 00 s." in read and "at 14:05 UTC" in read
    assert [token for _, token in hub.asked] == ["Bearer annas"]
    assert "3 分" in shown(space, session_of("annas", "openid profile read-billing"), "zh-CN")
    assert len(hub.asked) == 1  # not asked again so soon
    assert shown(space, session_of("berts", "openid profile")) == "" and len(hub.asked) == 1  # may not: no guess
    hub.said = (403, "{}")
    assert "allow it" in shown(space, session_of("carls", "read-billing"))
    assert "Sign in, and" in shown(space, session_of("annas", "read-billing")[:-2] + "xx")  # signed by nobody


def test_the_button_leads_to_hugging_face_and_back(space, hub):
    led = httpx.get(f"{space}login/huggingface")
    assert led.status_code in (302, 307) and led.headers["location"].startswith(f"{hub.url}/oauth/authorize")
    assert "read-billing" in led.headers["location"] and "someone-resnet.hf.space" in led.headers["location"]
    assert httpx.get(f"{space}logout").headers["location"] == "/"
    assert httpx.get(f"{space}login").status_code == 404  # Gradio's own passwords
    config = httpx.get(f"{space}config").json()
    assert "Sign in with Hugging Face" in [part["props"].get("value") for part in config["components"]]
