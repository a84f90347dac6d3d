"""What must be settled before gradio is imported or asked: the environment variables that it and its HTTP client read.
Imports no gradio, and settles them when it is imported itself."""

import os
from collections.abc import MutableMapping

import httpx

PORTS = range(1, 65536)
PORT_VARIABLE = "GRADIO_SERVER_PORT"
FIRST_PORT = 7860  # that Gradio tries where nothing is said
NUMBERS = (PORT_VARIABLE, "GRADIO_NUM_PORTS", "GRADIO_NODE_NUM_PORTS", "GRADIO_NUM_WORKERS", "GRADIO_DEBUG")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
DEFAULTS = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # nothing is sent anywhere
    # Statistics of answers, which nobody sees here: Gradio would import pandas and sum up 10,000 calls after each.
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**62),
    "MPLBACKEND": "agg",  # else Gradio's first answer waits for pyplot, only to ask for the backend
}


def settle(environment: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Set what is not set, and take away the numbers that are none: gradio reads them while it is imported. Returns
    these, as Kubernetes makes one of a service called gradio-server ('tcp://10.0.0.1:7860')."""
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)
    wrong = [name for name in NUMBERS if name in environment and not _is_number(name, environment[name])]
    return {name: environment.pop(name) for name in wrong}


def _is_number(name: str, value: str) -> bool:
    return value.isascii() and value.isdecimal() and (name != PORT_VARIABLE or int(value) in PORTS)


def wrong_number(name: str, value: str) -> str:
    what = "a port from 1 to 65535" if name == PORT_VARIABLE else "a whole number"
    other = ", or choose a port with --port" if name == PORT_VARIABLE else ""
    return f"{name} must be {what}, not {value!a}. Set it anew or take it away{other}."


def settle_proxies(environment: MutableMapping[str, str] = os.environ) -> str:
    """A sentence where a proxy is set that Gradio's HTTP client refuses, which would be a trace while gradio is
    imported; '' where there is none. The wrong ones are taken away."""
    try:
        httpx.Client().close()
    except (ImportError, ValueError) as error:
        for name in PROXIES:
            environment.pop(name, None)
            environment.pop(name.lower(), None)
        return (
            f"a proxy of the environment ({', '.join(PROXIES)}) cannot be used: {error}. Set it anew or take it away."
        )
    return ""


def pass_by_proxies(host: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """This machine's own addresses are never asked for through a proxy, which could not reach them: Gradio asks its own
    server for the page before it says that it runs."""
    own = ["localhost", "127.0.0.1", "::1", host]
    for name in ("no_proxy", "NO_PROXY"):
        before = environment.get(name, "")
        environment[name] = ",".join(dict.fromkeys([*filter(None, before.split(",")), *own]))


WRONG_NUMBERS = settle()
WRONG_PROXY = settle_proxies()
