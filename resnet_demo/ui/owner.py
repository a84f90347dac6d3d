"""By what the owner is known: by the name that a browser asked for where the page is this machine's alone, by a token
where others reach it, too. Imports no gradio."""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


def is_loopback_name(host: str) -> bool:
    """Whether a Host header, or an address to listen on, names this machine and nothing else. A name that its owner has
    mapped to 127.0.0.1 (DNS rebinding) does not: in a browser it is another site, whose scripts may call this app."""
    try:
        name = host if host.count(":") > 1 and "[" not in host else urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class OwnerToken:
    """What the owner's link carries; its first use leaves a cookie in its place."""

    token: str

    def is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_proof(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.proof.encode())

    @property
    def proof(self) -> str:
        """The cookie's value: it does not say what the token is, which may be a word that its owner uses elsewhere."""
        return hashlib.sha256(f"resnet_demo owner {self.token}".encode()).hexdigest()

    @property
    def cookie(self) -> str:
        """Its name, one for each token: browsers share cookies between all ports of a machine."""
        return f"resnet_demo_{self.proof[:8]}"
