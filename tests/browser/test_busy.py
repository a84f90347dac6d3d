"""What was pressed is marked until its answer or failure has come, however it is asked for."""

import json
from pathlib import Path

import pytest

import resnet_demo.ui

SCRIPT = (Path(resnet_demo.ui.__file__).parent / "busy.js").read_text(encoding="utf-8")
# A server that answers when it is told to: `answer(part of the address, its text or an Error)`.
SERVER = """
window.gradio_config = {
  components: [{id: 1, type: 'timer'}, {id: 2, type: 'textbox'}, {id: 3, type: 'button'}],
  dependencies: [{targets: [[1, 'tick']], outputs: [2, 5]}, {targets: [[3, 'click'], [5, 'click']], outputs: [4]}],
};
const waiting = [];
window.fetch = (to) => new Promise((resolve, reject) => waiting.push({to, resolve, reject}));
window.answer = (part, text = '', status = 200) => {
  const {resolve, reject} = waiting.splice(waiting.findIndex(({to}) => to.includes(part)), 1)[0];
  if (text === null) reject(new TypeError('no connection'));
  else resolve(new Response(text, {status}));
};
window.openStream = () => {
  let stream;
  window.tell = (text) => stream.enqueue(new TextEncoder().encode(text));
  window.hangUp = () => stream.close();
  window.abort = () => stream.error(new DOMException('aborted', 'AbortError'));
  const {resolve} = waiting.splice(waiting.findIndex(({to}) => to.includes('queue/data')), 1)[0];
  resolve(new Response(new ReadableStream({start: (controller) => { stream = controller; }})));
};
window.ask = (path, body = '{"event_id": "b"}') =>
  fetch(`/gradio_api/${path}`, {method: 'POST', body}).catch(() => {});
window.listen = async () => { window.heard = await (await fetch('/gradio_api/queue/data')).text().catch(() => ''); };
"""


@pytest.fixture
def page(chromium):
    page = chromium.new_page()
    page.set_content("<button id=one>One</button><button id=two>Two</button><button id=start>Start</button>")
    page.evaluate(f"() => {{ {SERVER} {SCRIPT} }}")
    yield page
    page.close()


def is_busy(page, which: str = "one") -> bool:
    page.wait_for_timeout(350)  # longer than a press without a call lasts
    return page.get_attribute(f"#{which}", "aria-busy") == "true"


def press(page, *calls: str | list[str], which: str = "one") -> None:
    """And ask in the same breath: a press that leads to nothing is soon over."""
    page.evaluate(
        "([which, calls]) => { document.getElementById(which).click(); calls.forEach((call) => ask(...call)); }",
        [which, [call if isinstance(call, list) else [call] for call in calls]],
    )


@pytest.mark.parametrize(("text", "status"), [("{}", 200), ("{}", 500), (None, 0)])
def test_from_the_press_to_the_answer_or_the_failure(page, text, status):
    press(page, "run/predict")
    assert is_busy(page) and not is_busy(page, "two")
    page.evaluate("([text, status]) => answer('run/', text, status)", [text, status])
    assert not is_busy(page)


def test_what_an_answer_leads_to_belongs_to_the_press(page):
    press(page, "run/example")
    page.evaluate("() => { answer('run/example', '{}'); ask('queue/join'); }")
    assert is_busy(page)
    page.evaluate("answer('queue/join', '{}', 503)")  # the queue is full
    assert not is_busy(page)


def test_a_queued_call_is_answered_by_the_stream(page):
    page.evaluate("() => { listen(); openStream(); }")
    press(page, "queue/join")
    page.evaluate("""answer('queue/join', '{"event_id": "a"}')""")
    page.evaluate("""tell('data: {"msg": "process_starts", "event_id": "a"}\\n\\n')""")
    page.wait_for_function("document.querySelector('[role=status]').textContent === 'Working…'")
    assert is_busy(page)
    page.evaluate("""tell('data: {"msg": "process_completed", "event')""")
    page.evaluate("""tell('_id": "a", "success": false}\\n\\n')""")
    assert not is_busy(page) and page.inner_text("[role=status]") == ""
    page.evaluate("hangUp()")
    page.wait_for_function("window.heard?.includes('process_starts')")  # Gradio hears all of it, too


def test_a_call_that_is_cancelled_or_forgotten_is_waited_for_no_more(page):
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name, forgotten in (("b", "ask('cancel')"), ("c", "hangUp()"), ("d", "abort()")):
        page.evaluate("() => { listen(); openStream(); }")
        press(page, "queue/join")
        page.evaluate(f"""answer('queue/join', '{{"event_id": "{name}"}}')""")
        assert is_busy(page)
        page.evaluate(f"() => {{ {forgotten}; }}")
        assert not is_busy(page)
    assert errors == []


def test_two_presses_last_each_as_long_as_its_own_calls(page):
    press(page, "run/slow")
    press(page, "run/quick", which="two")
    page.evaluate("answer('run/quick', '{}')")
    assert not is_busy(page, "two") and is_busy(page)
    page.evaluate("answer('run/slow', '{}')")
    assert not is_busy(page)


@pytest.mark.parametrize(("trigger", "busy"), [(1, False), (2, False), (3, True), (4, True), (5, True)])
def test_what_a_timer_asks_and_what_follows_from_it_is_for_no_press(page, trigger, busy):
    press(page, ["run/predict", json.dumps({"data": [], "trigger_id": trigger}, separators=(",", ":"))])
    assert is_busy(page) == busy


def test_a_start_that_was_obeyed_is_busy_no_more_whatever_was_pressed_since(page):
    page.evaluate("() => { listen(); openStream(); }")
    for which, call in (("start", "a"), ("two", "b")):
        press(page, "queue/join", which=which)
        page.evaluate(f"""answer('queue/join', '{{"event_id": "{call}"}}')""")
    assert is_busy(page, "start") and is_busy(page, "two")
    page.evaluate("document.dispatchEvent(new Event('obeyed'))")
    assert not is_busy(page, "start") and is_busy(page, "two")
    page.evaluate("""tell('data: {"msg": "process_completed", "event_id": "b"}\\n\\n')""")
    assert not is_busy(page, "two")


def test_what_nobody_pressed_marks_nothing(page):
    page.evaluate("() => { ask('run/poll'); }")
    press(page)
    assert not is_busy(page)
