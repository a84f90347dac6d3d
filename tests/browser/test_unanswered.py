"""A question that fails on its way, as where the queue is full, is asked anew, and then says so."""

import pytest

from tests.browser.conftest import names_of_calls


@pytest.mark.parametrize(
    ("failing", "shown"), [(1, ".classify-answered"), (2, "[role=alert]:has-text('not answered')")]
)
def test_what_was_asked_while_the_queue_is_full(shipped_app, open_page, failing, shown):
    page = open_page(f"{shipped_app.url}?tab=classify")
    names, failed = names_of_calls(page), []

    def refuse(route):
        if names[route.request.post_data_json["fn_index"]] == "show_answer" and len(failed) < failing:
            failed.append(route)
            route.fulfill(status=503, json={"detail": "Queue is full."})
        else:
            route.continue_()

    page.wait_for_selector("[data-example=drawn-ship]")
    page.route("**/gradio_api/queue/join*", refuse)
    page.click("[data-example=drawn-ship]")
    page.wait_for_selector(f"#classify-answer {shown}")
    assert len(failed) == failing
    if failing == 2:
        page.get_by_role("button", name="Classify again").click()
        page.wait_for_selector("#classify-answer .classify-answered")
        page.wait_for_selector("#classify-answer [role=alert]", state="detached")
