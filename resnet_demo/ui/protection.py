"""What a request must pass before Gradio sees it: which name it asked for, from which page it was sent, what it wants,
and how many bytes it brings.

Pure ASGI. Of Gradio it knows the addresses alone. Who may change things is asked by each handler (`access`).
"""

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resnet_demo.data.headers import MAX_FILE_BYTES
from resnet_demo.language import t
from resnet_demo.ui.owner import OwnerToken, is_loopback_name
from resnet_demo.ui.uploads import Uploads, UploadsError

MAX_JSON_BYTES = 1_000_000
MAX_UPLOAD_BYTES = MAX_FILE_BYTES + 64_000  # one file and the form around it
BODY_TIMEOUT_S = 300.0
CHUNK_BYTES = 65_536  # Gradio remembers something for each chunk of an upload: bodies sent byte by byte are gathered

API = "/gradio_api/"
REFUSED = "resnet_demo.refused"  # set in a request's scope by who has refused it with a sentence
# What the page and the API's users call; the rest of Gradio's addresses (recordings, proxies, code editing) is closed.
READABLE = {
    "app_id", "call", "heartbeat", "info", "login_check", "mcp", "openapi.json", "queue", "startup-events", "theme.css",
    "token", "upload_progress", "user",
}  # fmt: skip
CALLABLE = {"api", "call", "cancel", "component_server", "mcp", "queue", "reset", "run", "upload"}
CLOSED_PAGES = {"monitoring", "login", "logout"}

NOT_THIS_NAME = (
    "This app listens on this machine alone and answers to localhost, 127.0.0.1 and [::1]. Behind a proxy or a tunnel "
    "start it with RESNET_DEMO_TOKEN set, and open the owner's link that it prints."
)
FOREIGN_PAGE = "Another site's page has sent this. Open the app's own page and do it there."
NOT_HERE = "There is nothing at this address."
NOT_UNDERSTOOD = "The app has no such function, or the call lacks what it takes. Its API page says how to call it."
FAILED = "The app could not answer. Its terminal says why."


@dataclass(frozen=True)
class Refusal:
    """What a request is answered with instead of what it wants."""

    status: int
    sentence: str

    @property
    def response(self) -> Response:
        """`detail` as FastAPI has it, which Gradio's clients show."""
        return JSONResponse({"detail": self.sentence}, self.status)


Greeting = Callable[[Mapping[str, str], bool, bool], str]  # of their cookies, over https, in another site's frame


@dataclass(frozen=True)
class Serving:
    """How the page is reached: `owner` is None where everyone who reaches it owns it (this machine alone)."""

    owner: OwnerToken | None
    uploads: Uploads
    origins: frozenset[str] = frozenset()  # hosts under which a proxy shows the page, beside those in the headers
    behind_proxy: bool = False  # one that may not pass on under which name the page was asked for
    embedded: bool = False  # may stand in another site's frame, as on a Space
    greeting: Greeting | None = None  # where visitors are known again: the cookie for who opens the page

    def refusal(self, method: str, path: str, headers: Headers) -> Refusal | None:
        """From the head of a request alone."""
        if self.owner is None and not all(is_loopback_name(host) for host in asked_hosts(headers)):
            return Refusal(403, t(NOT_THIS_NAME))
        if not is_open(method, path):
            return Refusal(404, t(NOT_HERE))
        if method not in ("GET", "HEAD") and self.is_foreign(headers):
            return Refusal(403, t(FOREIGN_PAGE))
        return None

    def is_foreign(self, headers: Headers) -> bool:
        """Whether a browser sent this from a page of another origin. Other programs send no origin."""
        if site := headers.get("sec-fetch-site"):
            return site not in ("same-origin", "none")
        if (origin := headers.get("origin")) is None:
            return False
        if host_of(urlsplit(origin).netloc) in {*map(host_of, asked_hosts(headers)), *self.origins}:
            return False
        # Then nothing tells the page's own name; its owner is known by the token, which no other site's page has.
        return not (self.behind_proxy and "x-forwarded-host" not in headers)


def asked_hosts(headers: Headers) -> list[str]:
    """The names, with ports, that the request was sent to, as its sender and the proxies on its way say; [''] where it
    names none."""
    forwarded = (name.strip() for value in headers.getlist("x-forwarded-host") for name in value.split(","))
    return [*(headers.getlist("host") or [""]), *forwarded]


def host_of(netloc: str) -> str:
    """Lower case, and without the ports that browsers leave out."""
    return netloc.lower().removesuffix(":80").removesuffix(":443")


def is_open(method: str, path: str) -> bool:
    """Whether the page or its API's users ever ask for this."""
    if not path.startswith(API):
        return method in ("GET", "HEAD") and path.split("/")[1] not in CLOSED_PAGES
    name = path.removeprefix(API)
    if method in ("GET", "HEAD"):  # a web address after file= would be fetched for whoever asks
        return name.split("/")[0] in READABLE or (name.startswith("file=") and "://" not in name)
    return name.split("/")[0] in CALLABLE


class BodyError(MultiPartException):
    """A body that is not taken any further. What Gradio's parser of uploads takes for damaged, so that it removes what
    it has written of them."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = Refusal(status, sentence)


class Body:
    """A request's body, as far as it is taken."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._taken = 0
        self._deadline = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
        self._ended = False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """Raises BodyError for a body that is too long, comes too slowly or breaks off."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._next()
        except TimeoutError as error:
            late = t("The request took longer than {limit} s to arrive.", limit=f"{BODY_TIMEOUT_S:.0f}")
            raise self._refused(408, late) from error

    async def _next(self) -> Message:
        gathered = bytearray()
        while not self._ended and len(gathered) < CHUNK_BYTES:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                if not self._taken and not gathered:
                    self._ended = True
                    return message
                raise self._refused(400, t("The request broke off."))
            gathered += message.get("body", b"")
            self._ended = not message.get("more_body", False)
            if self._taken + len(gathered) > self._most_bytes:
                raise self._refused(413, too_long(self._most_bytes))
        self._taken += len(gathered)
        return {"type": "http.request", "body": bytes(gathered), "more_body": not self._ended}

    def _refused(self, status: int, sentence: str) -> BodyError:
        self._ended = True
        error = BodyError(status, sentence)
        self.refusal = error.refusal
        return error


def too_long(most_bytes: int) -> str:
    return t("The request is too long; the limit is {limit} MB.", limit=f"{most_bytes / 2**20:.0f}")


class Protection:
    """The middleware."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self.app = app
        self.serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":  # the page uses none
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), path_in_app(scope)
        if refusal := self.serving.refusal(scope["method"], path, headers):
            await refusal.response(scope, receive, self._with_headers(send))
            return
        if exchange := self._exchange(scope, path, headers):
            await exchange(scope, receive, self._with_headers(send))
            return
        is_upload = path.rstrip("/") == f"{API}upload"
        most = MAX_UPLOAD_BYTES if is_upload else MAX_JSON_BYTES
        length = int(headers.get("content-length", most))  # the server has let digits alone pass
        if length > most:
            await Refusal(413, too_long(most)).response(scope, receive, self._with_headers(send))
        elif is_upload:
            await self._take_upload(scope, length, Body(receive, most), send)
        else:
            await self._pass_on(scope, Body(receive, most), send)

    async def _take_upload(self, scope: Scope, length: int, body: Body, send: Send) -> None:
        try:
            async with self.serving.uploads.room_for(length):
                await self._pass_on(scope, body, send)
        except UploadsError as error:
            await Refusal(507, str(error)).response(scope, body.receive, self._with_headers(send))

    async def _pass_on(self, scope: Scope, body: Body, send: Send) -> None:
        """Let Gradio answer; what it lets fall is a sentence to the caller and one line on the terminal."""
        answer = Answer(self._with_headers(send, self._greet(scope)), body, scope)
        try:
            await self.app(scope, body.receive, answer.send)
        except Exception as error:  # noqa: BLE001 - beyond this stands the server, which prints a trace for each
            if body.refusal is None:
                print(failure_line(f"{scope['method']} {path_in_app(scope)}", error), file=sys.stderr, flush=True)
            acting = scope["method"] not in ("GET", "HEAD")
            await answer.fail(Refusal(400, t(NOT_UNDERSTOOD)) if acting else Refusal(500, t(FAILED)))

    def _exchange(self, scope: Scope, path: str, headers: Headers) -> Response | None:
        """The owner's link opened in a window: the token becomes a cookie and leaves the address, which people copy. In
        another site's frame no cookie would come back, so there it stays."""
        owner = self.serving.owner
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = dict(query).get("token")
        if owner is None or path != "/" or scope["method"] != "GET" or token is None or not owner.is_token(token):
            return None
        if headers.get("sec-fetch-dest", "document") != "document":
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        response = RedirectResponse(f"./?{rest}" if rest else "./", 303)
        secure = is_https(scope, headers)
        folder = urlsplit(scope.get("root_path", "")).path or "/"
        response.set_cookie(owner.cookie, owner.proof, path=folder, secure=secure, httponly=True, samesite="lax")
        return response

    def _greet(self, scope: Scope) -> str:
        """The cookie for who opens the page, '' where none is due."""
        if self.serving.greeting is None or scope["method"] != "GET" or path_in_app(scope) != "/":
            return ""
        request = Request(scope)
        return self.serving.greeting(request.cookies, is_https(scope, request.headers), self.serving.embedded)

    def _with_headers(self, send: Send, cookie: str = "") -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                if cookie:
                    headers.append("Set-Cookie", cookie)
                if not self.serving.embedded:
                    headers["X-Frame-Options"] = "SAMEORIGIN"
                    headers["Content-Security-Policy"] = "frame-ancestors 'self'"
            await send(message)

        return sending


class Answer:
    """What goes back: what Gradio answers, unless its request's body was refused meanwhile."""

    def __init__(self, send: Send, body: Body, scope: Scope) -> None:
        self._send = send
        self._body = body
        self._scope = scope
        self._started = False
        self._replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if refusal := self._body.refusal:
                self._replaced = True
                await refusal.response(self._scope, self._body.receive, self._send)
            elif message["status"] == 500 and REFUSED in self._scope:
                message = {**message, "status": 400}
        if not self._replaced:
            await self._send(message)

    async def fail(self, refusal: Refusal) -> None:
        """End an answer that broke off, or give one where there is none yet."""
        if not self._started:
            await (self._body.refusal or refusal).response(self._scope, self._body.receive, self._send)
        elif not self._replaced:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def path_in_app(scope: Scope) -> str:
    """The path below the folder under which a proxy shows the app, whether or not it passes that on."""
    path, folder = scope["path"], scope.get("root_path", "").rstrip("/")
    return path.removeprefix(folder) if folder and path.startswith(f"{folder}/") else path


def is_https(scope: Scope, headers: Headers) -> bool:
    """As the browser sees it, also behind a proxy."""
    return scope["scheme"] == "https" or headers.get("x-forwarded-proto", "").startswith("https")


def failure_line(what: str, error: BaseException) -> str:
    """For the terminal: what failed, why, and where in the code. Names in it are a stranger's: nothing in them acts on
    the terminal."""
    where = traceback.extract_tb(error.__traceback__)
    place = f" ({where[-1].filename}:{where[-1].lineno})" if where else ""
    return ascii_controls(f"{what}: {type(error).__name__}: {error}{place}")[:500]


def ascii_controls(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def known_origins(addresses: Iterable[str]) -> frozenset[str]:
    """Of whole addresses and bare hosts; empty ones and mere paths name none."""
    return frozenset(host_of(urlsplit(a).netloc or ("" if "/" in a else a)) for a in addresses) - {""}
