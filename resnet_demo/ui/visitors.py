"""Visitors who train, where a GPU is lent to whoever asks for one (ZeroGPU). A visitor is known again by a cookie that
nobody can guess, and has a backend of their own over a folder that the cookie's digest names."""

import hashlib
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.runs.visitors import KEPT_S, VisitorStore, VisitorWatcher, sweep
from resnet_demo.ui.access import Access
from resnet_demo.ui.backend import Backend, PredictorOnDemand
from resnet_demo.ui.zerogpu import Slice, SliceLauncher, make_slice

COOKIE = "resnet_demo_visitor"
REMEMBERED = 100  # visitors; the backend of one who comes back later is made anew from what is on disk
_VALUE = re.compile(r"[\w-]{32}", re.ASCII)


def greeting(cookies: Mapping[str, str], secure: bool, embedded: bool) -> str:
    """The Set-Cookie header for who opens the page: the cookie that they have, for longer, or a new one.

    In another site's frame, as on a Space's own page, a browser keeps and sends only a partitioned cookie that says
    SameSite=None, and that over https alone."""
    value = cookies.get(COOKIE, "")
    value = value if _VALUE.fullmatch(value) else secrets.token_urlsafe(24)
    site = "SameSite=None; Secure; Partitioned" if secure and embedded else "SameSite=Lax"
    return f"{COOKIE}={value}; Path=/; Max-Age={KEPT_S:.0f}; HttpOnly; {site}"


def can_sign_in(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the Space's head asks for Hugging Face's sign-in (`hf_oauth: true`)."""
    return "SPACE_ID" in environment and "OAUTH_CLIENT_ID" in environment


def visitor_of(request: gr.Request | None) -> str | None:
    """The name of the visitor's folder; None for who has sent no cookie of ours. It does not say what the cookie is."""
    value = request.cookies.get(COOKIE, "") if request else ""
    return hashlib.sha256(value.encode()).hexdigest()[:32] if _VALUE.fullmatch(value) else None


@dataclass(frozen=True)
class OwnAccess(Access):
    """Of a visitor's own backend: who has reached it owns what is in it."""

    def is_owner(self, request: gr.Request | None) -> bool:
        return True


class Visitors:
    """A backend for each visitor."""

    def __init__(self, space: Backend, train_slice: Slice) -> None:
        self.space, self.train_slice = space, train_slice
        self._backends: OrderedDict[str, Backend] = OrderedDict()  # who came last is last
        self._guard = threading.Lock()

    def backend_of(self, request: gr.Request | None) -> Backend | None:
        """None for who cannot be known again."""
        if (visitor := visitor_of(request)) is None:
            return None
        with self._guard:
            if visitor not in self._backends:
                self._backends[visitor] = self._make(visitor)
                if len(self._backends) > REMEMBERED:
                    self._backends.popitem(last=False)
            self._backends.move_to_end(visitor)
            return self._backends[visitor]

    def sweep(self) -> None:
        sweep(self.space.store)

    def _make(self, visitor: str) -> Backend:
        store = VisitorStore(self.space.store, visitor)
        return replace(
            self.space,
            store=store,
            launcher=SliceLauncher(store, self.space.data_dir),
            watcher=VisitorWatcher(store, self.space.watcher),
            access=OwnAccess(),
            predictor=PredictorOnDemand(store, self.space.predictor),
        )


def with_visitors(backend: Backend) -> Backend:
    """The same where a GPU is lent: it trains in slices, and so may each visitor. Call it before the page is launched,
    when the platform looks for what it is to lend GPUs to. Raises UserError."""
    try:
        import spaces
    except ImportError as error:
        told = "SPACES_ZERO_GPU is set, and the package that lends GPUs is missing: pip install spaces"
        raise UserError(told) from error
    space = replace(backend, launcher=SliceLauncher(backend.store, backend.data_dir))
    return replace(space, visitors=Visitors(space, make_slice(spaces.GPU, backend.data_dir)))
