"""Who may change things. On this machine alone whoever opens the page is the owner; elsewhere the owner is who has
the link with the token. Every handler that changes something asks here itself: a raw request passes by the page."""

import os
import secrets
from dataclasses import dataclass

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.ui.owner import OwnerToken, is_loopback_name

TOKEN_VARIABLE = "RESNET_DEMO_TOKEN"
TOKEN_MIN = 6  # characters: what guards a page that strangers reach is not guessed in an afternoon
REFUSAL = "Only the owner can do this: open the page by the owner's link that the app printed when it started."


class AccessError(UserError):
    """A token that guards nothing: a sentence for people."""


@dataclass(frozen=True)
class Access:
    """`token` is None where everyone who reaches the page is its owner."""

    token: str | None = None

    @classmethod
    def for_address(cls, host: str, shared: bool) -> "Access":
        """Open on a loopback address. With `--share`, another host or on a Space the owner needs a token, and
        wherever RESNET_DEMO_TOKEN sets one: behind a reverse proxy the app listens on loopback, too.

        Raises AccessError for a token that is too short."""
        chosen = os.environ.get(TOKEN_VARIABLE)
        if chosen and len(chosen) < TOKEN_MIN:
            raise AccessError(
                f"{TOKEN_VARIABLE} must have at least {TOKEN_MIN} characters, not {len(chosen)}. Without it the app "
                "makes a token itself where one is needed."
            )
        if not chosen and is_loopback_name(host) and not shared and "SPACE_ID" not in os.environ:
            return cls()
        return cls(chosen or secrets.token_urlsafe(24))

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
            raise gr.Error(REFUSAL, title="Not changed", print_exception=False)
