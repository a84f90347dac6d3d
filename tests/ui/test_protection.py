"""What a request must pass before Gradio sees it, in front of a small app that stands for Gradio."""

import asyncio
import contextlib
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from gradio.route_utils import GradioMultiPartParser
from starlette.applications import Starlette
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from resnet_demo.data.images import MAX_FILE_BYTES
from resnet_demo.owner_token import TokenError
from resnet_demo.ui import protection, uploads
from resnet_demo.ui.access import Access
from resnet_demo.ui.owner import OwnerToken, is_loopback_name
from resnet_demo.ui.protection import MAX_JSON_BYTES, MAX_UPLOAD_BYTES, Protection
from resnet_demo.ui.request_head import FOREIGN_PAGE, NOT_THIS_NAME, Serving, is_open, known_origins
from resnet_demo.ui.serving import launch_settings
from resnet_demo.ui.uploads import Uploads, UploadsError, own_folder

OWNER = OwnerToken("a long secret")
LOCAL = "http://127.0.0.1:7860"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "LEAST_FREE_BYTES", 0)
    return Uploads(tmp_path / "uploads")


@pytest.fixture
def client(kept):
    """`client(serving's fields…)`, at 127.0.0.1 unless `base_url` says otherwise. `/gradio_api/upload` keeps what is
    sent as Gradio does; `/gradio_api/run/…` says how many bytes came."""

    async def upload(request):
        kept.folder.mkdir(exist_ok=True)
        parser = GradioMultiPartParser(
            request.headers, request.stream(), upload_dir=kept.folder, max_file_size=MAX_UPLOAD_BYTES
        )
        form = await parser.parse()
        return JSONResponse([file.size for file in form.getlist("files")])

    async def run(request):
        try:
            return PlainTextResponse(str(len(await request.body())))
        except MultiPartException:
            return JSONResponse({"detail": "There was an error parsing the body"}, 400)  # as FastAPI does

    async def page(request):
        return PlainTextResponse(request.url.query)

    async def fall(request):
        raise KeyError("\x1b]0;gone\x07" + "x" * 9000)

    async def break_off(request):
        async def parts():
            yield "data: one\n\n"
            raise KeyError("session")

        return StreamingResponse(parts())

    routes = [
        Route("/gradio_api/upload", upload, methods=["POST"]),
        Route("/gradio_api/run/{name}", run, methods=["POST"]),
        Route("/gradio_api/call/fall", fall, methods=["POST"]),
        Route("/gradio_api/queue/data", break_off),
        Route("/{path:path}", page, methods=["GET", "POST"]),
    ]

    def making(base_url=LOCAL, root_path="", **serving):
        serving = Serving(**{"owner": None, "uploads": kept, **serving})
        app = Starlette(routes=routes, middleware=[Middleware(Protection, serving=serving)])
        return TestClient(app, base_url=base_url, root_path=root_path, follow_redirects=False)

    return making


# --- by which name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True), ("localhost:7860", True), ("LOCALHOST:1", True), ("127.0.0.1:7860", True),
        ("127.9.9.9", True), ("[::1]:7860", True), ("[::1]", True), ("::1", True),
        ("evil.test", False), ("evil.test:7860", False), ("localhost.evil.test", False), ("127.0.0.1.evil.test", False),
        ("0.0.0.0:7860", False), ("192.168.0.7", False), ("[::]:7860", False), ("", False), ("[::1", False),
        ("evil.test:7860#localhost", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_alone_are_its_owners(client, host, is_ours):
    assert is_loopback_name(host) == is_ours
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == (200 if is_ours else 403)
    if not is_ours:
        assert answer.json()["detail"] == NOT_THIS_NAME
    assert client(owner=OWNER).get("/", headers={"host": host}).status_code == 200  # there the token decides


def test_a_tunnel_that_says_its_name_is_no_loopback(client):
    for name in ("evil.test", "localhost, evil.test"):
        assert client().get("/", headers={"x-forwarded-host": name}).status_code == 403
    assert client().get("/", headers={"x-forwarded-host": "localhost:7860"}).status_code == 200


def test_a_handler_asks_for_the_name_itself():
    def asked(host):
        return SimpleNamespace(headers={"host": host}, query_params={}, cookies={})

    assert Access().is_owner(asked("localhost:7860")) and not Access().is_owner(asked("evil.test:7860"))


# --- from which page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/gradio_api/run/start", "/gradio_api/upload", "/gradio_api/queue/join"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": LOCAL, "sec-fetch-site": "cross-site"},
        {"origin": LOCAL, "sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_what_another_sites_page_sends_is_refused(client, path, headers):
    for asking in (client(), client(owner=OWNER)):
        answer = asking.post(path, headers=headers, json={})
        assert answer.status_code == 403 and answer.json()["detail"] == FOREIGN_PAGE


@pytest.mark.parametrize(
    ("serving", "headers"),
    [
        ({}, {}),  # a program
        ({}, {"origin": LOCAL}),
        ({}, {"origin": LOCAL, "sec-fetch-site": "same-origin"}),
        ({}, {"origin": "http://localhost", "host": "localhost:80"}),
        ({}, {"origin": "http://[::1]:7860", "host": "[::1]:7860"}),
        ({"owner": OWNER}, {"origin": "https://x.gradio.live", "host": "x.gradio.live"}),
        ({"owner": OWNER}, {"origin": "https://me-it.hf.space", "host": "10.0.0.1:7860"}),
        ({"owner": OWNER}, {"origin": "https://example.org", "x-forwarded-host": "example.org"}),
        ({"owner": OWNER}, {"origin": "https://example.org", "sec-fetch-site": "same-origin"}),
        ({"owner": OWNER, "behind_proxy": True}, {"origin": "http://example.org"}),  # which passes on no name
    ],
    ids=str,
)
def test_what_the_page_itself_sends_is_taken(client, serving, headers):
    asking = client(**{"origins": known_origins(["me-it.hf.space", "/resnet", ""]), **serving})
    assert asking.post("/gradio_api/run/start", headers=headers, json={}).status_code == 200


def test_no_other_site_may_frame_the_page_unless_it_is_on_a_space(client):
    answer = client().get("/")
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert not {"x-frame-options", "content-security-policy"} & set(client(embedded=True).get("/").headers)
    for environment, embedded in (({}, False), ({"SPACE_ID": "me/it"}, True)):
        before = launch_settings(Access(), Uploads("x"), environment)["app_kwargs"]["middleware"]
        (serving,) = [one.kwargs["serving"] for one in before if one.cls is protection.Protection]
        assert serving.embedded == embedded


# --- what it wants ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"), ("GET", "/monitoring/summary"), ("GET", "/gradio_api/file=https://evil.test/x"),
        ("GET", "/gradio_api/file=%68ttp://evil.test/x"), ("GET", "/gradio_api/proxy=https://x.hf.space/"),
        ("GET", "/gradio_api/deep_link"), ("GET", "/gradio_api/dev/reload"), ("GET", "/gradio_api/vibe-code"),
        ("GET", "/gradio_api/custom_component/x/client/y/z"), ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit"), ("POST", "/gradio_api/stream/1"), ("POST", "/login"), ("PUT", "/"),
        ("GET", "//gradio_api/../monitoring/x"),
    ],
)  # fmt: skip
def test_what_the_page_never_asks_for_is_closed(client, method, path):
    assert not is_open(method, path)
    if path.startswith("//"):
        return  # the client would take what follows for a host
    assert client().request(method, path).status_code == 404
    assert client(root_path="/resnet").request(method, f"/resnet{path}").status_code == 404


def test_behind_a_proxy_the_page_is_the_same_with_and_without_its_folder(client):
    for path in ("/gradio_api/run/poll_versions", "/resnet/gradio_api/run/poll_versions"):
        assert client(root_path="/resnet").post(path, json={}, headers={"host": "localhost"}).status_code == 200


# --- how much it brings -----------------------------------------------------------------------------------------


def pieces(size, each=100_000):
    """A body without a declared length."""
    return (b"x" * min(each, size - done) for done in range(0, size, each))


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_no_upload_ends_at_a_megabyte(client, declared):
    def post(size):
        return client().post("/gradio_api/run/poll_versions", content=b"x" * size if declared else pieces(size))

    assert post(MAX_JSON_BYTES).text == str(MAX_JSON_BYTES)
    answer = post(MAX_JSON_BYTES + 1)
    assert answer.status_code == 413 and "1 MB" in answer.json()["detail"]


def form(*files, close=True):
    """A multipart body and its type."""
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n' + file + b"\r\n" for file in files
    )
    return parts + (b"--b--\r\n" if close else b""), {"content-type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("declared", [True, False])
def test_a_request_brings_no_more_than_one_file_may_have(client, kept, declared):
    body, headers = form(*[b"x" * 5_000_000] * (MAX_FILE_BYTES // 5_000_000 + 1))
    parts = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    answer = client().post("/gradio_api/upload", content=body if declared else parts, headers=headers)
    assert answer.status_code == 413 and f"{MAX_FILE_BYTES // 2**20} MB" in answer.json()["detail"]
    assert not any(path.is_file() for path in kept.folder.rglob("*"))  # nothing stays of what had come


def test_one_file_of_the_largest_size_is_taken(client):
    body, headers = form(b"x" * MAX_FILE_BYTES)
    assert client().post("/gradio_api/upload", content=body, headers=headers).json() == [MAX_FILE_BYTES]


def in_a_loop(coroutine):
    """asyncio.run in a thread of its own: the main thread may have a browser's loop."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


def asgi(serving, app, messages):
    """Run one upload through the middleware as a server does; returns what was sent."""
    sent = []

    async def receive():
        message = next(messages)
        if isinstance(message, float):
            await asyncio.sleep(message)
            return {"type": "http.disconnect"}
        return message

    async def send(message):
        sent.append(message)

    _, headers = form()
    scope = {
        "type": "http", "method": "POST", "path": "/gradio_api/upload", "query_string": b"", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-type", headers["content-type"].encode())],
    }  # fmt: skip
    in_a_loop(Protection(app, serving)(scope, receive, send))
    return sent


@pytest.mark.parametrize("ending", ["leaves", "waits"])
def test_an_upload_that_its_sender_leaves_in_the_middle_leaves_no_file(client, kept, monkeypatch, ending):
    if ending == "waits":
        monkeypatch.setattr("resnet_demo.ui.request_body.BODY_TIMEOUT_S", 0.2)
    app = client().app
    while isinstance(app, Starlette):  # what stands behind the middleware
        app.build_middleware_stack()
        app = app.router
    seen = []

    async def spying(scope, receive, send):
        async def receiving():
            message = await receive()
            seen.append(len(message["body"]))
            return message

        await app(scope, receiving, send)

    body, _ = form(b"x" * 200_000, close=False)
    first = {"type": "http.request", "body": body, "more_body": True}
    last = {"type": "http.disconnect"} if ending == "leaves" else 30.0
    asgi(Serving(None, kept), spying, iter([first, last]))
    assert seen and not any(path.is_file() for path in kept.folder.rglob("*"))


def test_a_body_that_comes_byte_by_byte_is_gathered(kept):
    seen = []

    async def app(scope, receive, send):
        while (message := await receive())["more_body"]:
            seen.append(len(message["body"]))

    bytes_ = ({"type": "http.request", "body": b"x", "more_body": n < 199_999} for n in range(200_000))
    asgi(Serving(None, kept), app, bytes_)
    assert len(seen) <= 4


# --- uploads in all ---------------------------------------------------------------------------------------------


def put(kept, name, size, age_s=0.0):
    file = kept.folder / name / "f"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    os.truncate(file, size)
    os.utime(file, (time.time() - age_s,) * 2)
    os.utime(file.parent, (time.time() - age_s,) * 2)
    return file


async def hold(kept, *lengths):
    async with contextlib.AsyncExitStack() as held:
        for length in lengths:
            await held.enter_async_context(kept.room_for(length))


def test_the_oldest_files_make_room_and_those_in_use_do_not(kept, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES_IN_ALL", 10_000_000)
    oldest, older, new = put(kept, "a", 4_000_000, 900), put(kept, "b", 4_000_000, 600), put(kept, "c", 1_000_000)
    in_a_loop(hold(kept, 3_000_000))
    assert not oldest.exists() and older.exists() and new.exists()
    in_a_loop(hold(kept, 4_000_000, 5_000_000))  # at once: what is promised counts
    assert not older.exists() and new.exists()
    with pytest.raises(UploadsError, match="Try again in a minute"):
        in_a_loop(hold(kept, 5_000_000, 5_000_000))
    assert new.exists()
    in_a_loop(hold(kept, 9_000_000))  # what was held is free again


def test_small_files_are_bounded_in_number(kept, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES_IN_ALL", 1_000_000)
    files = [put(kept, str(n), 1, 900) for n in range(50)]
    in_a_loop(hold(kept, 1))
    assert 10 <= sum(file.exists() for file in files) <= 16


def test_nothing_is_uploaded_onto_a_disk_that_is_nearly_full(client, kept, monkeypatch):
    body, headers = form(b"x")
    monkeypatch.setattr(uploads, "LEAST_FREE_BYTES", 2_000_000_000)
    for free, status in ((2_000_000_000, 507), (4_000_000_000, 200)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        answer = client().post("/gradio_api/upload", content=body, headers=headers)
        assert answer.status_code == status
        assert status == 200 or "less than 2 GB free" in answer.json()["detail"]


def test_what_is_old_is_swept_whoever_left_it(kept):
    old, new = put(kept, "old", 10, uploads.KEPT_S + 60), put(kept, "new", 10)
    part = kept.folder / "tmpabc"  # as Gradio calls what is being uploaded
    part.write_bytes(b"x")
    os.utime(part, (1, 1))
    kept.sweep()
    assert new.exists() and not old.parent.exists() and not part.exists()


def test_the_sweep_runs_when_the_server_starts(kept):
    old = put(kept, "old", 10, uploads.KEPT_S + 60)
    lifespan = launch_settings(Access(), kept, {})["app_kwargs"]["lifespan"]

    async def serve():
        async with lifespan(None):
            while old.exists():
                await asyncio.sleep(0.01)

    in_a_loop(asyncio.wait_for(serve(), 30))


# --- where uploads lie ------------------------------------------------------------------------------------------


def test_each_user_has_a_folder_of_uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    folder = own_folder()
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700 and own_folder() == folder
    monkeypatch.setattr(uploads, "_user", lambda: "somebody else")
    assert own_folder() != folder


@pytest.mark.parametrize("obstacle", ["a file", "a link", "another's"])
def test_a_folder_that_is_not_ours_is_one_sentence_with_the_variable(tmp_path, monkeypatch, obstacle):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    folder = own_folder()
    folder.rmdir()
    if obstacle == "a file":
        folder.touch()
    elif obstacle == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        other = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: other)
        monkeypatch.setattr(uploads, "_user", lambda: folder.name.removeprefix("resnet_demo-"))
    with pytest.raises(UploadsError, match="Set GRADIO_TEMP_DIR to a folder"):
        own_folder()


# --- who is the owner -------------------------------------------------------------------------------------------


def test_the_owners_link_leaves_a_cookie_and_its_token_leaves_the_address(client):
    asking = client(owner=OWNER, base_url="https://example.org", root_path="/resnet")
    answer = asking.get("/", params={"token": OWNER.token, "__theme": "dark"})
    assert answer.status_code == 303 and answer.headers["location"] == "./?__theme=dark"
    set_cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/resnet"):
        assert part in set_cookie
    assert OWNER.token not in set_cookie
    cookie = SimpleNamespace(headers={}, query_params={}, cookies={OWNER.cookie: answer.cookies[OWNER.cookie]})
    assert Access(OWNER.token).is_owner(cookie) and not Access("another secret").is_owner(cookie)


@pytest.mark.parametrize(
    ("token", "headers"), [("wrong", {}), (OWNER.token, {"sec-fetch-dest": "iframe"}), ("", {}), ("\udce9", {})]
)
def test_no_other_link_does(client, token, headers):
    asking = client(owner=OWNER)
    answer = asking.get("/?token=" + (token if token.isascii() else "%ED%B3%A9"), headers=headers)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["x", "12345"])
def test_a_token_that_guards_nothing_is_refused(monkeypatch, token):
    monkeypatch.setenv("RESNET_DEMO_TOKEN", token)
    with pytest.raises(TokenError, match="at least 6 characters"):
        Access.for_address("0.0.0.0", False)


# --- what Gradio lets fall --------------------------------------------------------------------------------------


def test_what_gradio_lets_fall_is_a_sentence_and_one_line(client, capsys):
    answer = client().post("/gradio_api/call/fall", json={})
    assert answer.status_code == 400 and answer.json()["detail"] == protection.NOT_UNDERSTOOD
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("POST /gradio_api/call/fall: KeyError") and len(line) <= 500 and "\x1b" not in line
    answer = client().get("/gradio_api/queue/data")
    assert answer.text == "data: one\n\n"
    assert len(capsys.readouterr().err.splitlines()) == 1
