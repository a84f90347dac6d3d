"""The owner's token of a page that strangers reach: where it is chosen, and how one is made."""

import os
import secrets
from urllib.parse import quote

from resnet_demo.errors import UserError

TOKEN_VARIABLE = "RESNET_DEMO_TOKEN"
TOKEN_MIN = 6  # characters: what guards a page that strangers reach is not guessed in an afternoon


class TokenError(UserError):
    """A token that guards nothing: a sentence for people."""


def chosen_token() -> str | None:
    """The token that RESNET_DEMO_TOKEN sets, if any. Raises TokenError for one that is too short."""
    chosen = os.environ.get(TOKEN_VARIABLE)
    if chosen and len(chosen) < TOKEN_MIN:
        raise TokenError(
            f"{TOKEN_VARIABLE} must have at least {TOKEN_MIN} characters, not {len(chosen)}. Without it resnet_demo "
            "makes a token itself where one is needed."
        )
    return chosen or None


def new_token() -> str:
    return secrets.token_urlsafe(24)


def owners_link(address: str, token: str) -> str:
    """The page's address with the token, which its first use exchanges for a cookie."""
    return f"{address}?token={quote(token, safe='')}"
