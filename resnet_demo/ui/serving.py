"""How the page is served: what Gradio's `launch` is told in every case, and what stands before it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from resnet_demo.data.headers import MAX_FILE_BYTES
from resnet_demo.ui.access import Access
from resnet_demo.ui.first_page import FirstPage
from resnet_demo.ui.protection import Protection
from resnet_demo.ui.request_head import Serving, known_origins
from resnet_demo.ui.theme import CSS, page_theme
from resnet_demo.ui.translation import InTheVisitorsLanguage
from resnet_demo.ui.uploads import Uploads, sweep_for_ever
from resnet_demo.ui.visitors import Visitors, can_sign_in, greeting

MAX_SESSIONS = 100  # the most that Gradio remembers; each takes 0.3 to 0.5 MB, and any call without one makes one


def launch_settings(
    access: Access, uploads: Uploads, environment: Mapping[str, str] = os.environ, visitors: Visitors | None = None
) -> dict[str, Any]:
    """A new dict each time, since Gradio writes into it."""
    serving = Serving(
        access.owner,
        uploads,
        origins=known_origins([environment.get("GRADIO_ROOT_PATH", ""), environment.get("SPACE_HOST", "")]),
        behind_proxy=bool(environment.get("GRADIO_ROOT_PATH")),
        embedded="SPACE_ID" in environment,
        greeting=greeting if visitors else None,
        signs_in=visitors is not None and can_sign_in(environment),
    )

    @asynccontextmanager
    async def sweeping(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(sweep_for_ever([uploads.sweep, *([visitors.sweep] if visitors else [])]))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    middleware = [
        Middleware(InTheVisitorsLanguage),
        Middleware(Protection, serving=serving),
        Middleware(FirstPage, space_host=environment.get("SPACE_HOST", "")),
    ]
    return {
        "app_kwargs": {"middleware": middleware, "lifespan": sweeping},
        "max_file_size": MAX_FILE_BYTES,
        "state_session_capacity": MAX_SESSIONS,
        "enable_monitoring": False,
        "run_history": False,
        "ssr_mode": False,
        "pwa": True,
        "theme": page_theme(),
        "css": CSS,
        "footer_links": ["api", "settings"],
    }
