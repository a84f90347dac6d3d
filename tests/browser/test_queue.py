"""Runs are planned while one trains, reordered and removed by the keyboard, found again after a reload, and gone on
with after a pause."""

from resnet_demo.runs.queue import Queue
from tests.browser.conftest import start_long, wait_for


def test_plan_reorder_remove_reload_and_go_on(app, open_page):
    queue = Queue(app.runs)
    with app.running():
        page = open_page(app.url)

        def shown() -> list[str]:
            return page.eval_on_selector_all("#queue [data-run]", "rows => rows.map((row) => row.dataset.run)")

        def button(run, act: str) -> str:
            return f"#queue [data-run='{run.id}'] [data-act={act}]"

        start_long(page)
        page.wait_for_selector("#status [data-status=training]")
        assert page.is_hidden("#queue section") and page.is_disabled("#start")
        for epochs in ("901", "902", "903"):
            page.fill("#setting-epochs input", epochs)
            page.click("#plan-run")
            page.wait_for_selector(f"#queue :text('epochs {epochs}')")
        first, second, third = queue.runs()
        assert [run.config().epochs for run in queue.runs()] == [901, 902, 903]

        page.focus(button(third, "up"))
        page.keyboard.press("Enter")
        wait_for(lambda: page.wait_for_timeout(100) or shown() == [first.id, third.id, second.id], "the new order")
        assert page.evaluate("document.activeElement.dataset.act") == "up"  # the keyboard stays at the run
        page.keyboard.press("Enter")
        wait_for(lambda: page.wait_for_timeout(100) or shown() == [third.id, first.id, second.id], "the new order")
        assert page.is_disabled(button(third, "up")) and page.evaluate("document.activeElement.dataset.act") == "down"
        typing = "#setting-epochs input"
        page.evaluate(f"document.querySelector(`{button(first, 'remove')}`).click()")
        page.focus(typing)
        page.wait_for_selector(button(first, "remove"), state="detached")
        page.wait_for_timeout(300)
        assert page.evaluate(f"document.activeElement.matches('{typing}')")  # who types elsewhere stays there
        page.reload()
        page.wait_for_selector("#queue section")
        assert shown() == [third.id, second.id] and queue.runs() == [third, second] and not first.path.exists()
        assert page.is_hidden("#queue [data-act=start]")  # it goes on by itself

        page.click("#pause")
        page.click("#queue :text('Go on with the queue')")
        page.wait_for_selector("#queue [data-act=start]", state="hidden")
        wait_for(third.is_alive, "the first of the queue")
        assert not second.is_alive() and queue.runs() == [second]
        page.click(button(second, "remove"))
        page.wait_for_selector("#queue section", state="hidden")
