"""The page's HTML as it is first sent: its language, what a link to it shows where it is shared, and the script that
has to stand before Gradio's.

Gradio's template says of every app that it is called Gradio; no setting of `launch` reaches those lines.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resnet_demo.language import HTML_LANGUAGES, current_language, t
from resnet_demo.ui.request_head import path_in_app
from resnet_demo.ui.wiring import script

PREVIEW_IMAGE = Path(__file__).parent / "preview.jpg"  # 1200 x 630, as link previews want it
PREVIEW_PATH = "/preview.jpg"
PREVIEW_TAGS = re.compile(rb'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')  # of the template: Gradio's own
CHARSET = b'<meta charset="utf-8" />'  # stands before everything that needs it
LANGUAGE = re.compile(rb'(<html\s+lang=")en(")')


class FirstPage:
    """The middleware. It stands behind the one that sets the language."""

    def __init__(self, app: ASGIApp, space_host: str = "") -> None:
        """On a Space the page is known by another name than the one in the request."""
        self.app, self.space_host = app, space_host
        self._script = f"<script>{script('frames.js')}</script>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_in_app(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else ""
        if path == PREVIEW_PATH:
            await FileResponse(PREVIEW_IMAGE, headers={"Cache-Control": "max-age=86400"})(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            whole = WholeBody(send, lambda html: self._written(html, scope))
            await self.app(scope, receive, whole.send)
        else:
            await self.app(scope, receive, send)

    def _written(self, html: bytes, scope: Scope) -> bytes:
        html = LANGUAGE.sub(rb"\g<1>" + HTML_LANGUAGES[current_language()].encode() + rb"\g<2>", html, count=1)
        return PREVIEW_TAGS.sub(b"", html).replace(CHARSET, CHARSET + (self._preview(scope) + self._script).encode(), 1)

    def _preview(self, scope: Scope) -> str:
        said = {
            "og:type": "website",
            "og:title": t("ResNet-50, opened"),
            "og:description": t(
                "Train a residual network while you watch, look inside its blocks, and ask it about an image of yours."
            ),
            "og:image": self._root(scope) + PREVIEW_PATH,
            "og:image:width": "1200",
            "og:image:height": "630",
            "twitter:card": "summary_large_image",
        }
        description = f'<meta name="description" content="{escape(said["og:description"])}" />'
        return description + "".join(
            f'<meta property="{tag}" content="{escape(value)}" />' for tag, value in said.items()
        )

    def _root(self, scope: Scope) -> str:
        """The page's own address as it is reached from elsewhere: who shows a preview follows no relative one."""
        headers = Headers(scope=scope)
        host = self.space_host or headers.get("x-forwarded-host") or headers.get("host", "")
        https = self.space_host or headers.get("x-forwarded-proto", scope["scheme"]).startswith("https")
        return f"{'https' if https else 'http'}://{host}" + URL(scope.get("root_path", "")).path.rstrip("/")


class WholeBody:
    """Sends a body when it is whole, rewritten."""

    def __init__(self, send: Send, rewrite: Callable[[bytes], bytes]) -> None:
        self._send, self._rewrite = send, rewrite
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole(self._start)
            return
        await self._send(message)

    async def _send_whole(self, start: Message) -> None:
        body = self._rewrite(bytes(self._body))
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
