"""The page as Gradio's Blocks, which lets no call pass that its handlers were not made for, and no trace out."""

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import gradio as gr

from resnet_demo.files import MAX_NUMBER
from resnet_demo.language import ENGLISH, set_language, t
from resnet_demo.ui.protection import FAILED, REFUSED, failure_line
from resnet_demo.ui.translation import language_of, translated

MAX_WAITING = 64  # calls in the queue; a page whose call is refused says that the application is busy
MAX_TEXT = 100_000  # characters; Gradio remembers each session's last value of everything
NO_WEB_ADDRESS = "A web address is not fetched here. Download the image and upload it."
KINDS = {
    "string": (str, "{value} must be a text."),
    "number": (int | float, "{value} must be a number."),
    "integer": (int | float, "{value} must be a number."),  # the page's own sends 3.0 for 3 now and then
    "boolean": (bool, "{value} must be true or false."),
    "array": (list, "{value} must be a list."),
    "object": (dict, "{value} must be a file that was uploaded."),
}


class Page(gr.Blocks):
    """All ways to a handler, queued or not, by the page or by hand, lead through `process_api`."""

    launch_defaults: Callable[[], dict[str, Any]] = dict  # whoever launches the page serves it so

    def launch(self, *args: Any, **settings: Any) -> tuple:
        """As Gradio's, with what `launch_defaults` says."""
        return super().launch(*args, **{**self.launch_defaults(), **settings})

    def queue(self, *args: Any, **settings: Any) -> "Page":
        """As Gradio's, which calls it for each page that it makes, and serves the page anew for each further call.
        Closed to calls that pass the queue by: they would pass by its limit of two answers at a time, too."""
        return super().queue(*args, **{"api_open": False, "max_size": MAX_WAITING, **settings})

    _config: dict[str, Any] | None = None
    _first: Mapping[int, tuple[str, Callable[[], Any]]] = MappingProxyType({})

    def send_at_first(self, component: gr.components.Component, make: Callable[[], Any], prop: str = "value") -> None:
        """Let `component` have a value, or another property, of the moment when a page is opened, not of the app's
        start: what is new by then, in the visitor's language. It is painted at once. Call it when the page is built."""
        self._first = {**self._first, component._id: (prop, make)}

    @property  # type: ignore[override]  # an attribute in Gradio, read as one
    def config(self) -> dict[str, Any] | None:
        """What Gradio sends whoever opens the page, and reads here each time: in the visitor's language."""
        return self._config and translated(self._config, self._first)

    @config.setter  # type: ignore[override]
    def config(self, config: dict[str, Any]) -> None:
        self._config = config

    async def process_api(self, block_fn: Any, inputs: list, *args: Any, **named: Any) -> dict[str, Any]:
        request = named.get("request")
        set_language(language_of(request.headers) if isinstance(request, gr.Request) else ENGLISH)
        try:
            if not named.get("iterator"):
                inputs = checked(block_fn.inputs, inputs)
            return await super().process_api(block_fn, inputs, *args, **named)
        except gr.Error as error:
            error.print_exception = False  # Gradio's own refusals would be a trace each
            error.message, error.title = t(error.message), t(error.title)
            mark_refused(named.get("request"))
            raise
        except Exception as error:  # Gradio would send {"error": null} and print the trace
            print(failure_line(str(block_fn.api_name or block_fn.name), error), file=sys.stderr, flush=True)
            raise gr.Error(t(FAILED), title=t("Not done"), print_exception=False) from error


def mark_refused(request: Any) -> None:
    """A handler's own sentence is no failure of the server, though Gradio answers 500 to a direct call."""
    if isinstance(request, gr.Request) and request.request is not None:
        request.request.scope[REFUSED] = True


def checked(components: list[gr.components.Component], values: list) -> list:
    """The values, before Gradio looks at them: it would fetch a web address that it finds anywhere, and keep whatever
    comes. Null is no value, of a text box an empty one.

    Raises gr.Error with one sentence that names the first value that its component never sends."""
    if len(values) < len(components):
        raise _refusal(t("This takes {number} values, not {given}.", number=len(components), given=len(values)))
    given = []
    for place, (component, value) in enumerate(zip(components, values, strict=False), 1):
        if value is not None:
            label = getattr(component, "label", None)
            named = t("“{label}”", label=t(label)) if label else t("Value {place}", place=place)
            _refuse_wrong(named, _json_kind(component), value)
        given.append("" if value is None and isinstance(component, gr.Textbox) else value)
    return given


def _refuse_wrong(named: str, kind: str, value: Any) -> None:
    of_python, sentence = KINDS.get(kind, (object, ""))
    if not isinstance(value, of_python) or (isinstance(value, bool) and of_python not in (bool, object)):
        raise _refusal(t(sentence, value=named))
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:  # nor NaN
        raise _refusal(t("{value} must be a number of a usual size.", value=named))
    if isinstance(value, dict) and "://" in str(value.get("path")):
        raise _refusal(t(NO_WEB_ADDRESS))
    if len(str(value)) > MAX_TEXT:
        sentence = t("{value} is too long; the most is {number} characters.", value=named, number=f"{MAX_TEXT:,}")
        raise _refusal(sentence)


def _json_kind(component: gr.components.Component) -> str:
    """As the API's description has it; that calls every choice a text, also one of numbers."""
    if isinstance(component, gr.Radio) and any(isinstance(value, int | float) for _, value in component.choices):
        return "number"
    try:
        kind = component.api_info().get("type")
    except NotImplementedError:  # a button
        return "string"
    return kind if isinstance(kind, str) else ""


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, title=t("Not understood"), print_exception=False)
