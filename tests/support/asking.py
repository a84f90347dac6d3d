"""Asks a page's handlers over HTTP, as no browser does."""

import httpx

CLIENT = httpx.Client(timeout=60)  # one for all: each new one reads the system's certificates


def post(url, handler, data, token=None, language="en"):
    """A raw POST to a queued handler, as no browser sends it; returns the last event's kind and data."""
    params = {"token": token} if token else {}
    address = f"{url}gradio_api/call/{handler}"
    posted = CLIENT.post(address, json={"data": data}, params=params, headers={"accept-language": language})
    if posted.status_code != 200:  # refused before it was queued
        return "error", posted.text
    return last_event(CLIENT, f"{address}/{posted.json()['event_id']}")


def last_event(client, address):
    """Kind and data of the last event that a queued call's address sends."""
    kind, answer = "", ""
    with client.stream("GET", address) as lines:
        for line in lines.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                answer = line.removeprefix("data:").strip()
    return kind, answer


def run_now(url, handler, data):
    """A raw POST to a handler without a queue."""
    return CLIENT.post(f"{url}gradio_api/run/{handler}", json={"data": data})
