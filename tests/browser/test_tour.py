"""The tour from the press to a drawn digit, as somebody takes it who has never trained a network."""

from tests.browser.conftest import LONG, wait_for


def test_the_tour_explains_itself_and_leads_on(app, open_page):
    with app.running(shipped=True):
        page = open_page(app.url)
        page.wait_for_selector("#plan:has-text('Trains on')")
        page.click("#tour")
        page.wait_for_selector("#status .tour-caption")
        page.wait_for_selector("#loss-chart .tour-caption")
        page.wait_for_selector("#pinned .tour-caption")
        page.wait_for_function("document.querySelector('#setting-batch_size input').value === '64'")  # its settings
        page.wait_for_selector(".tour-now", state="attached")
        assert len(page.query_selector_all(".tour-now")) <= 2  # while a turn is passed on
        page.wait_for_selector("#pinned img")
        page.wait_for_selector(".tour-next", timeout=4 * LONG * 1000)
        page.wait_for_selector(".tour-now", state="detached")  # nobody's turn any more, and all can still be read
        assert page.is_visible("#status .tour-caption") and page.is_visible("#loss-chart .tour-caption")
        page.click("[data-next=ask]")
        page.wait_for_selector("#drawing-pad canvas", state="visible")

        page.get_by_role("tab", name="Train").click()
        page.click("[data-next=images]")
        wait_for(
            lambda: page.wait_for_timeout(100) or "CIFAR-10" in page.input_value("#setting-data input"),
            "CIFAR-10 in the form",
        )
