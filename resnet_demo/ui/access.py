"""Who may change things. On this machine alone whoever opens the page is the owner; elsewhere the owner is who has
the link with the token. Every handler that changes something asks here itself: a raw request passes by the page."""

import hmac
import ipaddress
import os
import secrets
from dataclasses import dataclass

import gradio as gr

TOKEN_VARIABLE = "RESNET_DEMO_TOKEN"
REFUSAL = "Only the owner can do this: open the page by the owner's link that the app printed when it started."


@dataclass(frozen=True)
class Access:
    """`token` is None where everyone who reaches the page is its owner."""

    token: str | None = None

    @classmethod
    def for_address(cls, host: str, shared: bool) -> "Access":
        """Open on a loopback address. With `--share`, another host or on a Space the owner needs a token, and
        wherever RESNET_DEMO_TOKEN sets one: behind a reverse proxy the app listens on loopback, too."""
        chosen = os.environ.get(TOKEN_VARIABLE)
        if not chosen and _is_loopback(host) and not shared and "SPACE_ID" not in os.environ:
            return cls()
        return cls(chosen or secrets.token_urlsafe(24))

    def is_owner(self, request: gr.Request | None) -> bool:
        """Never by IP address: behind a proxy everyone has the same one."""
        if self.token is None:
            return True
        given = request.query_params.get("token", "") if request else ""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def require_owner(self, request: gr.Request | None) -> None:
        """Raises gr.Error with one sentence for everyone else."""
        if not self.is_owner(request):
            raise gr.Error(REFUSAL, title="Not changed", print_exception=False)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
