"""What a request must pass before Gradio sees it, and what is answered where Gradio fails. Pure ASGI; the rules stand
in `request_head` and `request_body`."""

import sys
import traceback
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resnet_demo.data.headers import MAX_FILE_BYTES
from resnet_demo.language import t
from resnet_demo.ui.request_body import Body, too_long
from resnet_demo.ui.request_head import API, Refusal, Serving, is_https, path_in_app
from resnet_demo.ui.uploads import UploadsError

MAX_JSON_BYTES = 1_000_000
MAX_UPLOAD_BYTES = MAX_FILE_BYTES + 64_000  # one file and the form around it
REFUSED = "resnet_demo.refused"  # set in a request's scope by who has refused it with a sentence

NOT_UNDERSTOOD = "The app has no such function, or the call lacks what it takes. Its API page says how to call it."
FAILED = "The app could not answer. Its terminal says why."


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


def failure_line(what: str, error: BaseException) -> str:
    """For the terminal: what failed, why, and where in the code. Names in it are a stranger's: nothing in them acts on
    the terminal."""
    where = traceback.extract_tb(error.__traceback__)
    place = f" ({where[-1].filename}:{where[-1].lineno})" if where else ""
    return ascii_controls(f"{what}: {type(error).__name__}: {error}{place}")[:500]


def ascii_controls(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
