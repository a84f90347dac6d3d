"""The base of every error whose text is for people."""


class UserError(Exception):
    """What happened and what to do, as one or two sentences: shown as it is, on the page and in a terminal, without a
    trace. Whoever catches this base treats all of them alike."""
