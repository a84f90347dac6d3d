"""How handlers are wired to the page's events: what most of them share."""

# Cheap, called often, and nothing for an API's users: no queue, no spinner, any number at once.
QUIET = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "undocumented",
    "concurrency_limit": None,
}

# What a person asks for by a button that changes something: queued, so that Gradio can check the form first.
ACT = {"show_progress": "hidden", "api_visibility": "undocumented"}

# Values come to the handler as they were sent, and it checks them itself. Gradio's own check of a list knows only
# what stood there at the start, and its preparation of a picture would decode it before our limits are asked.
UNCHECKED = {"preprocess": False}
