"""What the head of a request tells: which name it asked for, from which page it was sent, and whether there is what it
asks for.

Of Gradio it knows the addresses alone. Who may change things is asked by each handler (`access`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from resnet_demo.language import t
from resnet_demo.ui.owner import OwnerToken, is_loopback_name
from resnet_demo.ui.uploads import Uploads

API = "/gradio_api/"
# What the page and the API's users call; the rest of Gradio's addresses (recordings, proxies, code editing) is closed.
READABLE = {
    "app_id", "call", "heartbeat", "info", "login_check", "mcp", "openapi.json", "queue", "startup-events", "theme.css",
    "token", "upload_progress", "user",
}  # fmt: skip
CALLABLE = {"api", "call", "cancel", "component_server", "mcp", "queue", "reset", "run", "upload"}
CLOSED_PAGES = {"monitoring", "login", "logout"}
SIGN_IN_PAGES = {"/login/huggingface", "/login/callback", "/logout"}

NOT_THIS_NAME = (
    "This app listens on this machine alone and answers to localhost, 127.0.0.1 and [::1]. Behind a proxy or a tunnel "
    "start it with RESNET_DEMO_TOKEN set, and open the owner's link that it prints."
)
FOREIGN_PAGE = "Another site's page has sent this. Open the app's own page and do it there."
NOT_HERE = "There is nothing at this address."


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
    signs_in: bool = False  # whether visitors can sign in with Hugging Face

    def refusal(self, method: str, path: str, headers: Headers) -> Refusal | None:
        """From the head of a request alone."""
        if self.owner is None and not all(is_loopback_name(host) for host in asked_hosts(headers)):
            return Refusal(403, t(NOT_THIS_NAME))
        if not is_open(method, path) and not (self.signs_in and method == "GET" and path in SIGN_IN_PAGES):
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
        is_page = not path.startswith("//") and path.split("/")[1] not in CLOSED_PAGES
        return is_page and method in ("GET", "HEAD")
    name = path.removeprefix(API)
    if method in ("GET", "HEAD"):  # a web address after file= would be fetched for whoever asks
        return name.split("/")[0] in READABLE or (name.startswith("file=") and "://" not in name)
    return name.split("/")[0] in CALLABLE


def path_in_app(scope: Scope) -> str:
    """The path below the folder under which a proxy shows the app, whether or not it passes that on."""
    path, folder = scope["path"], scope.get("root_path", "").rstrip("/")
    return path.removeprefix(folder) if folder and path.startswith(f"{folder}/") else path


def is_https(scope: Scope, headers: Headers) -> bool:
    """As the browser sees it, also behind a proxy."""
    return scope["scheme"] == "https" or headers.get("x-forwarded-proto", "").startswith("https")


def known_origins(addresses: Iterable[str]) -> frozenset[str]:
    """Of whole addresses and bare hosts; empty ones and mere paths name none."""
    return frozenset(host_of(urlsplit(a).netloc or ("" if "/" in a else a)) for a in addresses) - {""}
