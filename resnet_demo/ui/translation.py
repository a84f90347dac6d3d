"""In which language a page is answered, and the page's first answer in that language.

What handlers send is made in the visitor's language by `t`. What the page is built with, once for everyone, is English;
`translated` is that for one visitor, text by text: labels, hints, choices, and what scripts say by `t('...')`.
"""

import json
import re
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from resnet_demo.language import ENGLISH, LANGUAGES, current_language, set_language, t

COOKIE = "language"  # of who has chosen; everyone else is asked by their browser
TEXTS = ("label", "info", "placeholder", "title")
SHOWN_AS_TEXT = ("button", "downloadbutton", "duplicatebutton", "markdown", "uploadbutton")  # their value is for people
IN_SCRIPT = re.compile(r"\bt\('((?:[^'\\\n]|\\.)*)'\)")


def language_of(headers: Mapping[str, str]) -> str:
    """What this visitor has chosen, or else what the browser prefers of what there is."""
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:  # another program's
        chosen = None
    preferred = [entry.split(";")[0].strip()[:2].lower() for entry in headers.get("accept-language", "").split(",")]
    return next((code for code in [chosen.value if chosen else "", *preferred] if code in LANGUAGES), ENGLISH)


class InTheVisitorsLanguage:
    """The middleware that makes `t` speak it wherever a request is answered at once. What is queued is answered in
    another context, where `Page.process_api` does the same."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            set_language(language_of(Headers(scope=scope)))
        await self.app(scope, receive, send)


def translated(config: dict[str, Any], first: Mapping[int, tuple[str, Callable[[], Any]]]) -> dict[str, Any]:
    """What Gradio sends whoever opens the page, for the current language. `first` has by a component's
    id which of its properties is made for each page, and by what."""
    components = [_translated(part, first.get(part["id"])) for part in config.get("components", ())]
    return {**config, "components": components}


def _translated(part: dict[str, Any], made: tuple[str, Callable[[], Any]] | None) -> dict[str, Any]:
    props = part["props"]
    fresh = {} if made is None else {made[0]: made[1]()}
    if current_language() != ENGLISH:
        props = {**props, **_texts(props, part["type"])}
    return {**part, "props": {**props, **fresh}}


def _texts(props: dict[str, Any], kind: str) -> dict[str, Any]:
    texts: dict[str, Any] = {name: t(props[name]) for name in TEXTS if isinstance(props.get(name), str)}
    if kind in SHOWN_AS_TEXT and isinstance(props.get("value"), str):
        texts["value"] = t(props["value"])
    if choices := props.get("choices"):
        texts["choices"] = [(t(label), value) if isinstance(label, str) else (label, value) for label, value in choices]
    if script := props.get("js_on_load"):
        texts["js_on_load"] = IN_SCRIPT.sub(lambda found: json.dumps(t(found[1])), script)
    return texts
