"""A checkpoint is evaluated, its mistakes are looked at, and the report is read by keyboard."""

from tests.browser.conftest import wait_for
from tests.support.checkpoints import DIGITS, make_run

WHERE = "document.activeElement.dataset.cell ?? document.activeElement.className"


def test_the_matrix_is_one_stop_and_arrow_keys_lead_through_it(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=evaluate")
    page.wait_for_selector(".evaluate-confusion")
    assert page.locator(".evaluate-confusion [data-cell]").count() > 50
    assert page.locator(".evaluate-confusion [data-cell]:not([tabindex='-1'])").count() == 0
    page.focus(".evaluate-scroll")
    visited = []
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        visited.append(page.evaluate(WHERE))
    assert visited == ["0,0", "1,0", "1,1", "0,1", "0,0", "0,0"]


def test_it_is_pressed_and_its_mistakes_are_those_of_the_report(app, open_page):
    make_run(app.store, "20261124-101500-resnet18-digits", DIGITS)
    with app.running():
        page = open_page(f"{app.url}?tab=evaluate")
        page.click("#evaluate-start:not([disabled])")
        page.wait_for_selector(".evaluate-headline:has-text('of 297 test images')")
        page.wait_for_selector("#evaluate-start:not([disabled])")
        page.click("#evaluate-mistakes")
        page.wait_for_selector("#evaluate-gallery figure")
        page.click("#evaluate-start")  # a new report has mistakes of its own
        page.wait_for_selector("#evaluate-gallery figure", state="detached")
        page.wait_for_selector("#evaluate-start:not([disabled])")


def test_images_that_come_late_are_not_shown_under_another_report(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=evaluate")
    names = dict(page.evaluate("gradio_config.dependencies.map(({id, api_name}) => [id, api_name])"))
    late = []

    def hold(route):
        is_late = names[route.request.post_data_json["fn_index"]] == "evaluation_mistakes"
        late.append(route) if is_late else route.continue_()

    def choose(label):
        page.click("#evaluate-run input")
        page.get_by_role("option", name=label).first.click()

    page.route("**/gradio_api/run/*", hold)
    choose("ResNet-20 on digits")
    page.wait_for_selector("#evaluate-report [data-of*=resnet20-digits]")
    page.click("#evaluate-mistakes:visible")
    wait_for(lambda: page.wait_for_timeout(50) or late, "the call")
    choose("Plain-20 on digits")
    page.wait_for_selector("#evaluate-report [data-of*=plain20]")
    late[0].continue_()
    late[0].request.response().finished()
    page.wait_for_timeout(1000)
    assert not page.query_selector("#evaluate-gallery figure")
    page.click("#evaluate-mistakes")
    wait_for(lambda: page.wait_for_timeout(50) or len(late) == 2, "the call")
    late[1].continue_()
    page.wait_for_selector("#evaluate-gallery figure")
