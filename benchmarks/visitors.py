"""Pages that look at a running app: simulated ones, which ask what a page asks, or a real one in Chromium.

    python -m benchmarks.visitors URL

is a process of its own, so that what the visitors cost stands apart from what the page costs. A line on stdin says who
shall look from now on: "0 pages", "20 pages", "1 browser". Each is answered by a line of JSON about those who looked
before: their CPU seconds, their requests, and the ticks that came too late.
"""

import http.client
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


class Page:
    """What an open page does over HTTP: it keeps its components' values, asks at each tick, and asks for more where
    an answer has changed a component that others wait for. The handlers are those of the app's own configuration."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.requests = 0
        whole = self._ask("GET", "/config")
        self.opening_bytes, config = len(whole), json.loads(whole)
        self._values = {part["id"]: part["props"].get("value") for part in config["components"]}
        timers = [part for part in config["components"] if part["type"] == "timer" and part["props"]["active"]]
        self._timers = {timer["id"] for timer in timers}  # others start with what a visitor has pressed
        self._handlers = [
            handler for handler in config["dependencies"] if handler["backend_fn"] and not handler["queue"]
        ]

    @property
    def tick_s(self) -> float:
        """The answers say how often to ask."""
        return min(self._values[timer] for timer in self._timers)

    def tick(self) -> int:
        """Ask what a page asks at each tick, and what follows from the answer; gives the bytes of all answers."""
        received, changed = 0, set()
        for handler in self._waiting_for("tick", self._timers):
            received += self._run(handler, changed)
        for handler in self._waiting_for("change", changed):
            received += self._run(handler, set())
        return received

    def _waiting_for(self, event: str, components: set[int]) -> list[dict]:
        """Handlers of an event, of these components."""
        return [
            handler
            for handler in self._handlers
            if any(name == event and of in components for of, name in handler["targets"])
        ]

    def _run(self, handler: dict, changed: set[int]) -> int:
        """Adds to `changed` what the answer has changed; gives its bytes."""
        question = {
            "data": [self._values[part] for part in handler["inputs"]],
            "fn_index": handler["id"],
            "session_hash": f"visitor{id(self)}",
        }
        answer = self._ask("POST", "/gradio_api/run/predict", json.dumps(question))
        for part, value in zip(handler["outputs"], json.loads(answer)["data"], strict=True):
            if isinstance(value, dict) and value.get("__type__") == "update":
                value = value.get("value", self._values[part])
            if value != self._values[part]:
                self._values[part] = value
                changed.add(part)
        return len(answer)

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self.requests += 1
        try:
            response = self._request(method, path, body)
        except ConnectionError:  # the server closes one that has rested for five seconds; a browser opens another
            self._connection.close()
            response = self._request(method, path, body)
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {answer[:200]!r}")
        return answer

    def _request(self, method: str, path: str, body: str | None) -> http.client.HTTPResponse:
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        return self._connection.getresponse()


class Simulated:
    """So many pages, each in a thread, opened evenly over one tick."""

    def __init__(self, url: str, count: int) -> None:
        self.late = 0
        self._over = threading.Event()
        self._pages = [Page(url) for _ in range(count)]
        self._threads = [threading.Thread(target=self._look, args=(i, page)) for i, page in enumerate(self._pages)]
        for thread in self._threads:
            thread.start()

    def _look(self, index: int, page: Page) -> None:
        due = time.monotonic() + page.tick_s * index / len(self._pages)
        while not self._over.wait(max(0.0, due - time.monotonic())):
            page.tick()
            due += page.tick_s
            while due < time.monotonic():  # as in a browser, a tick that comes too late is left out
                self.late += 1
                due += page.tick_s

    def leave(self) -> dict:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return {"requests": sum(page.requests for page in self._pages), "late": self.late}


class Browsing:
    """A tab of a real Chromium."""

    def __init__(self, browser, url: str) -> None:
        self.requests = 0
        self._page = browser.new_page()
        self._page.on("request", self._count)
        self._page.goto(url)
        self._page.wait_for_selector("#tour")

    def _count(self, request) -> None:
        self.requests += 1

    def leave(self) -> dict:
        self._page.wait_for_timeout(1)  # its events are handled while it is asked something
        self._page.close()
        time.sleep(1.0)  # by then its processes have ended, so that nobody counts their seconds
        return {"requests": self.requests, "late": 0}


@contextmanager
def chromium() -> Iterator[object]:
    """A headless Chromium; None where there is none, or no Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if CHROMIUM is None or sync_playwright is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def main() -> None:
    url = sys.argv[1]
    with chromium() as browser:
        print(json.dumps({"browser": browser is not None}), flush=True)
        looking, cpu_s = Simulated(url, 0), _cpu_s()
        for line in sys.stdin:
            spent = _cpu_s() - cpu_s  # before they leave: a browser's process that ends takes its seconds along
            said = {**looking.leave(), "cpu_s": spent}
            count, kind = line.split()
            looking = Browsing(browser, url) if kind == "browser" else Simulated(url, int(count))
            cpu_s = _cpu_s()
            print(json.dumps(said), flush=True)
        looking.leave()


def _cpu_s() -> float:
    """Of this process and of the browser's, so far."""
    here = psutil.Process()
    return cpu_s([here, *here.children(recursive=True)])


def cpu_s(processes: Iterable[psutil.Process], named: str = "") -> float:
    """Of those that are still there and have this in their names, so far."""
    spent = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:2]) if named in process.name() else 0.0
    return spent


if __name__ == "__main__":
    main()
