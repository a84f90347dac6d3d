"""Who may change things. On this machine alone whoever opens the page is the owner; elsewhere the owner is who has
the link with the token. Every handler that changes something asks here itself: a raw request passes by the page."""

import os
from dataclasses import dataclass

import gradio as gr

from resnet_demo.language import t
from resnet_demo.owner_token import chosen_token, new_token
from resnet_demo.ui.owner import OwnerToken, is_loopback_name

REFUSAL = "Only the owner can do this: open the page by the owner's link that the app printed when it started."


@dataclass(frozen=True)
class Access:
    """`token` is None where everyone who reaches the page is its owner."""

    token: str | None = None

    @classmethod
    def for_address(cls, host: str, shared: bool) -> "Access":
        """Open on a loopback address. With `--share`, another host or on a Space the owner needs a token, and
        wherever RESNET_DEMO_TOKEN sets one: behind a reverse proxy the app listens on loopback, too.

        Raises TokenError for a token that is too short."""
        chosen = chosen_token()
        if not chosen and is_loopback_name(host) and not shared and "SPACE_ID" not in os.environ:
            return cls()
        return cls(chosen or new_token())

    @property
    def owner(self) -> OwnerToken | None:
        return None if self.token is None else OwnerToken(self.token)

    def is_owner(self, request: gr.Request | None) -> bool:
        """Never by IP address: behind a proxy everyone has the same one."""
        owner = self.owner
        if owner is None:
            return request is None or is_loopback_name(request.headers.get("host", ""))
        if request is None:
            return False
        given = request.query_params.get("token", "")
        return owner.is_token(given) or owner.is_proof(request.cookies.get(owner.cookie, ""))

    def require_owner(self, request: gr.Request | None) -> None:
        """Raises gr.Error with one sentence for everyone else."""
        if not self.is_owner(request):
            raise gr.Error(t(REFUSAL), title=t("Not changed"), print_exception=False)
