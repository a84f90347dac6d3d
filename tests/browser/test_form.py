"""The form can be read at any width."""

import pytest


@pytest.mark.parametrize("width", [1440, 390])
def test_no_setting_is_squeezed(empty_app, open_page, width):
    page = open_page(empty_app.url, width)
    page.click("text=Advanced settings")
    page.wait_for_selector("#setting-log_every_steps >> visible=true")
    widths = page.eval_on_selector_all(
        "[id^=setting-]", "all => Object.fromEntries(all.map(one => [one.id, one.getBoundingClientRect().width]))"
    )
    front = {"setting-epochs", "setting-batch_size", "setting-learning_rate"}  # three in a row, with short hints
    assert len(widths) > 20 and {name for name, found in widths.items() if found < 140} <= front
    switches = page.locator(".form-advanced .form-checkbox")
    row = page.locator(".form-advanced").first.bounding_box()["width"]
    assert switches.count() == 7
    assert all(switches.nth(index).bounding_box()["width"] > 0.9 * row for index in range(3))


IN_VIEW = """() => {
    const at = document.querySelector('#start').getBoundingClientRect();
    return at.top >= 0 && at.bottom <= innerHeight;
}"""


def test_start_stays_in_view_and_what_differs_is_taken_back(empty_app, open_page):
    page = open_page(empty_app.url)
    page.set_viewport_size({"width": 1366, "height": 650})
    assert page.evaluate(IN_VIEW)
    page.wait_for_selector("#plan:has-text('Trains on')")
    assert page.locator("#form-changes [data-field]").count() == 0
    page.fill("#setting-epochs input", "20")
    page.wait_for_selector("#form-changes [data-field=epochs]")
    page.click("text=Advanced settings")
    page.wait_for_selector("#setting-log_every_steps >> visible=true")
    page.wait_for_selector("#schedule >> visible=true")
    page.evaluate("scrollTo(0, 600)")
    assert page.evaluate(IN_VIEW)
    page.fill(".form-search", "moment")
    page.wait_for_selector("#setting-arch", state="hidden")
    assert page.is_visible("#setting-momentum")
    page.click("[data-field=epochs]")
    page.wait_for_function("document.querySelector('#setting-epochs input').value === '5'")
    page.wait_for_selector("#form-changes [data-field=epochs]", state="detached")


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_wrong_with_a_number_moves_nothing(empty_app, open_page, width):
    page = open_page(empty_app.url, width)
    page.wait_for_selector("#plan:has-text('Trains on')")
    page.click("text=Advanced settings")
    page.wait_for_selector("#setting-log_every_steps >> visible=true")
    said = "getComputedStyle(document.querySelector('#setting-{}'), '::after').content.includes('must be')"
    places = "() => [...document.querySelectorAll('[id^=setting-]')].map((one) => one.getBoundingClientRect().top)"
    for name, other, wrong in (("batch_size", "32", "1"), ("warmup", "0.3", "3")):
        page.locator(f"#setting-{name}").scroll_into_view_if_needed()
        page.fill(f"#setting-{name} input", other)
        page.wait_for_selector(f"#form-changes [data-field={name}]")  # which has a line of its own
        page.wait_for_selector("#plan:not(.planning) b")  # of the time that it takes
        before = page.evaluate(places)
        page.fill(f"#setting-{name} input", wrong)
        page.wait_for_function(said.format(name))
        page.wait_for_selector("#plan:not(.planning):has-text('must be')")
        assert page.evaluate(places) == pytest.approx(before, abs=0.5)  # a browser rounds what it lays out anew
        below = page.locator(f"#setting-{name}").evaluate(
            "one => { const at = one.getBoundingClientRect();"
            " return document.elementFromPoint(at.left + 20, at.bottom + 12) === one; }"
        )
        assert below  # the sentence, which nothing covers or cuts off
        page.fill(f"#setting-{name} input", other)
        page.wait_for_function(f"!{said.format(name)}")


def test_what_was_typed_outlives_a_reload_and_stays_in_its_tab(empty_app, open_page):
    page = open_page(empty_app.url)
    page.wait_for_selector("#plan:has-text('Trains on')")
    page.click("text=Advanced settings")
    page.fill("#setting-epochs input", "20")
    page.fill("#setting-momentum input", "0.7")
    page.uncheck("#setting-flip input")
    page.wait_for_selector("#form-changes [data-field=flip]")
    page.reload()
    page.wait_for_selector("#form-changes [data-field=epochs]")  # what differs is said anew
    assert page.input_value("#setting-epochs input") == "20"
    page.wait_for_selector("#plan:has-text('Trains on')")
    page.click("text=Advanced settings")
    page.wait_for_selector("#setting-log_every_steps >> visible=true")
    assert page.input_value("#setting-momentum input") == "0.7" and not page.is_checked("#setting-flip input")
    page.click("[data-field=epochs]")
    page.wait_for_function("document.querySelector('#setting-epochs input').value === '5'")
    other = open_page(empty_app.url)
    other.wait_for_selector("#plan:has-text('Trains on')")
    other.click("text=Advanced settings")
    assert other.input_value("#setting-momentum input") == "0.8"


def test_the_form_works_where_the_browser_keeps_nothing_of_this_site(empty_app, open_page):
    blocked = """Object.defineProperty(window, 'sessionStorage', {
        get() { throw new DOMException('blocked', 'SecurityError'); }
    });"""
    page = open_page(empty_app.url, script=blocked)
    page.wait_for_selector("#plan:has-text('Trains on')")
    page.fill("#setting-epochs input", "20")
    page.wait_for_selector("#form-changes [data-field=epochs]")


def test_a_choice_that_the_form_began_with_is_kept_as_well(empty_app, open_page):
    """Only what has been changed is kept: a machine with a GPU begins with another choice where nothing is."""
    page = open_page(empty_app.url)
    page.wait_for_selector("#plan:has-text('Trains on')")
    assert page.evaluate("sessionStorage.length") == 0
    for epochs in ("20", "5"):
        page.fill("#setting-epochs input", epochs)
        page.wait_for_function(f"Object.values(sessionStorage)[0]?.includes(',{epochs},')")
    page.reload()
    page.wait_for_selector("#plan:has-text('Trains on')")
    assert page.evaluate("window.formKept")
