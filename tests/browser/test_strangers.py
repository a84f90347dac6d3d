"""What a page of another site can do with the app, in a real Chromium, and that the app's own page still can all."""

import http.server
import threading
from contextlib import contextmanager

import pytest
from PIL import Image

from tests.browser.conftest import FLAGS, drop, find_chromium, wait_for

RENAME = """async (url) => {
    const data = {data: ["stolen", JSON.stringify(["mine"])], session_hash: "x"};
    try {
        const answer = await fetch(url, {method: "POST", body: JSON.stringify(data), headers: {"content-type": TYPE}});
        return answer.status;
    } catch (error) { return String(error); }
}"""


@contextmanager
def another_site(html: str):
    """A page at http://127.0.0.1:PORT/, of an origin of its own."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@pytest.fixture
def mine(app, tiny_config):
    return app.store.create(tiny_config, "mine")


def test_a_name_that_is_mapped_to_this_machine_owns_nothing(app, chromium, mine):
    rules = [*FLAGS, "--host-resolver-rules=MAP evil.test 127.0.0.1"]
    with app.running():
        browser = chromium.browser_type.launch(executable_path=find_chromium(), args=rules)
        try:
            page = browser.new_page()
            answer = page.goto(f"http://evil.test:{app.port}/")
            assert answer.status == 403 and "answers to localhost" in page.text_content("body")
            rename = RENAME.replace("TYPE", "'application/json'")
            for call in ("gradio_api/call/rename", "gradio_api/run/poll_versions", "gradio_api/queue/join"):
                assert page.evaluate(rename, f"http://evil.test:{app.port}/{call}") == 403
        finally:
            browser.close()
        assert mine.title() == ""


def test_another_sites_page_cannot_call_and_cannot_frame_the_app(app, chromium, mine):
    with app.running(), another_site("") as url:
        page = chromium.new_page()
        page.goto(url)
        # Text is sent without asking first; what comes back cannot be read, so the fetch itself fails or is 403.
        for kind in ("'text/plain'", "'application/json'"):
            page.evaluate(RENAME.replace("TYPE", kind), f"{app.url}gradio_api/call/rename")
        page.evaluate(f"document.body.innerHTML = '<iframe src=\"{app.url}\"></iframe>'")
        page.wait_for_function("window.frames.length === 1")
        framed = next(frame for frame in page.frames if frame is not page.main_frame)
        wait_for(
            lambda: page.wait_for_timeout(100) or framed.url.startswith("chrome-error:"), "the refusal to be framed"
        )
        assert framed.query_selector("#tour") is None
        page.close()
        assert mine.title() == ""


def test_the_owners_link_makes_the_owner_and_leaves_the_address(app, open_page, tmp_path):
    image = tmp_path / "grey.png"
    Image.new("RGB", (40, 40), "grey").save(image)
    with app.running(RESNET_DEMO_TOKEN="a long secret"):
        page = open_page(f"{app.url}?token=a+long+secret&__theme=light")
        assert page.url == f"{app.url}?__theme=light"
        page.wait_for_selector("#tour:not([disabled])")
        page.reload()
        page.wait_for_selector("#tour:not([disabled])")
        page.get_by_role("tab", name="Classify").click()
        drop(page, "#classify-image", image)
        page.wait_for_selector("text=There is no trained checkpoint yet")
        visitor = open_page(app.url)
        visitor.wait_for_selector("text=owner's link")
        visitor.wait_for_selector("#tour:disabled")  # by an answer of its own


def test_by_the_name_localhost_the_page_can_be_used(app, open_page, mine):
    with app.running():
        page = open_page(f"http://localhost:{app.port}/")
        page.get_by_role("tab", name="Runs").click()
        page.check("input[data-run=mine]")
        page.get_by_text("Rename, continue, delete").click()
        page.fill("#runs-title textarea, #runs-title input", "Renamed")
        page.click("#runs-rename")
        page.wait_for_selector("#runs >> text=Renamed")
