"""A checkpoint is evaluated, its mistakes are looked at, and the report is read by keyboard."""

from tests.browser.conftest import called, hold_back, names_of_calls, wait_for
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
        other = open_page(f"{app.url}?tab=evaluate")
        other.wait_for_selector("#evaluate-start:not([disabled])")
        page.click("#evaluate-start:not([disabled])")
        page.wait_for_selector(".evaluate-headline:has-text('of 297 test images')")
        other.wait_for_selector(".evaluate-headline:has-text('of 297 test images')")  # by whomever it was begun
        page.wait_for_selector("#evaluate-start:not([disabled])")
        page.click("#evaluate-mistakes")
        page.wait_for_selector("#evaluate-gallery figure")
        page.click("#evaluate-start")  # a new report has mistakes of its own
        page.wait_for_selector("#evaluate-gallery figure", state="detached")
        page.wait_for_selector("#evaluate-start:not([disabled])")


def test_images_that_come_late_are_not_shown_under_another_report(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=evaluate")
    late = hold_back(page, "evaluation_images")

    def choose(label):
        page.click("#evaluate-run input")
        page.get_by_role("option", name=label).first.click()

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


def test_the_last_of_two_cells_that_are_clicked_is_shown(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=evaluate")
    page.click("#evaluate-run input")
    page.get_by_role("option", name="ResNet-20 on digits").first.click()
    page.wait_for_selector("#evaluate-report [data-of*=resnet20-digits] [data-cell='7,7']")
    late = hold_back(page, "evaluation_images", most=1)
    page.click("[data-cell='0,0']")
    wait_for(lambda: page.wait_for_timeout(50) or late, "the call")
    page.click("[data-cell='7,7']")
    late[0].continue_()
    page.wait_for_selector("#evaluate-gallery:has-text('7, answered correctly') figure")
    page.wait_for_timeout(1000)
    assert "7, answered correctly" in page.inner_text("#evaluate-gallery")


def test_a_page_starts_with_the_newest_checkpoint_of_its_own_time(app, open_page):
    """And not of the app's start; in a page that is open what is chosen stays."""
    holds = "document.querySelector('#{}-run input')?.value.includes('{}')"
    make_run(app.store, "20261124-101500-resnet18-digits", DIGITS)
    with app.running():
        first = open_page(f"{app.url}?tab=evaluate")
        names = names_of_calls(first)
        with first.expect_response(lambda answer: called(answer.request, names) == "refresh_evaluate"):
            first.reload()
        first.wait_for_function(holds.format("evaluate", "10:15"))
        make_run(app.store, "20261124-101600-resnet18-digits", DIGITS)
        page = open_page(f"{app.url}?tab=evaluate")
        page.wait_for_function(holds.format("evaluate", "10:16"))
        page.get_by_role("tab", name="Architecture").click()
        page.wait_for_function(holds.format("blocks", "10:16"))
        first.click("#evaluate-run input")
        first.get_by_role("option", name="10:16").wait_for()
        assert first.evaluate(holds.format("evaluate", "10:15"))
