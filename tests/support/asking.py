"""Asks a page's handlers over HTTP, as no browser does."""

import httpx


def post(url, handler, data, token=None):
    """A raw POST to a queued handler, as no browser sends it; returns the last event's kind and data."""
    params = {"token": token} if token else {}
    address = f"{url}gradio_api/call/{handler}"
    posted = httpx.post(address, json={"data": data}, params=params, timeout=30)
    if posted.status_code != 200:  # refused before it was queued
        return "error", posted.text
    event_id = posted.json()["event_id"]
    kind, answer = "", ""
    with httpx.stream("GET", f"{address}/{event_id}", timeout=60) as lines:
        for line in lines.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                answer = line.removeprefix("data:").strip()
    return kind, answer


def run_now(url, handler, data):
    """A raw POST to a handler without a queue."""
    return httpx.post(f"{url}gradio_api/run/{handler}", json={"data": data}, timeout=30)
