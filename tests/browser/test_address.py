"""What the page shows has an address that can be shared, reloaded, and left by Back."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import called, names_of_calls, wait_for


def named(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_address(page, **expected) -> None:
    wait_for(lambda: page.wait_for_timeout(100) or named(page) == expected, f"the address of {expected}")


def selected(page) -> str:
    return page.inner_text("[role=tab][aria-selected=true]")


def pixels(page) -> str:
    return page.inner_text("label:has(input:checked):has-text(' × ')")


def is_in_view(page, selector) -> bool:
    box = page.locator(selector).bounding_box()
    return 0 <= box["y"] < page.viewport_size["height"]


@pytest.fixture
def runs(app, tiny_config):
    rates = {"first": 0.002, "second": 0.004}
    return [app.store.create(replace(tiny_config, learning_rate=rate), name) for name, rate in rates.items()]


def test_a_network_is_shared_and_left_by_back(empty_app, open_page):
    page = open_page(empty_app.url)
    assert named(page) == {}
    page.get_by_role("tab", name="Architecture").click()
    wait_for_address(page, tab="architecture")
    page.wait_for_selector("text=23,528,522")
    page.click("text=64 × 64")
    wait_for_address(page, tab="architecture", size="64")
    shared = open_page(page.url)
    wait_for(lambda: shared.wait_for_timeout(100) or pixels(shared) == "64 × 64", "64 pixels")
    shared.wait_for_selector("text=64 × 16 × 16")  # a quarter of it after the stem: it is drawn, too
    assert selected(shared) == "Architecture"

    page.go_back()
    wait_for_address(page, tab="architecture")
    wait_for(lambda: page.wait_for_timeout(100) or pixels(page) == "32 × 32", "32 pixels")
    page.go_back()
    wait_for(lambda: page.wait_for_timeout(100) or selected(page) == "Train", "the tab before")
    assert named(page) == {}


def test_two_quick_backs_lead_back_twice(empty_app, open_page):
    page = open_page(f"{empty_app.url}?tab=architecture")
    page.wait_for_selector("text=23,528,522")
    for size in ("64", "128"):
        page.click(f"text={size} × {size}")
        wait_for_address(page, tab="architecture", size=size)
    page.evaluate("window.addEventListener('popstate', () => history.back(), {once: true}); history.back()")
    wait_for(lambda: page.wait_for_timeout(100) or pixels(page) == "32 × 32", "32 pixels")
    page.wait_for_timeout(1000)
    assert pixels(page) == "32 × 32" and named(page) == {"tab": "architecture"}


@pytest.mark.parametrize("answered_first", ["architecture_load", "architecture_another"])
def test_a_network_chosen_before_the_first_drawing_stays_chosen(empty_app, open_page, answered_first):
    """The first drawing waits for torch."""
    page = open_page(empty_app.url)
    names = names_of_calls(page)
    held = {"architecture_load": None, "architecture_another": None}

    def hold(route):
        name = called(route.request, names)
        if name in held:
            held[name] = route
        else:
            route.continue_()

    page.route("**/gradio_api/run/*", hold)
    page.reload()
    page.get_by_role("tab", name="Architecture").click()
    page.get_by_role("combobox", name="Network").click()
    page.get_by_role("option", name="ResNet-18").click()
    for name in sorted(held, key=lambda name: name != answered_first):
        wait_for(lambda name=name: page.wait_for_timeout(50) or held[name], f"the call of {name}")
        held[name].continue_()
        held[name].request.response().finished()
        page.wait_for_timeout(500)
    page.wait_for_selector(".arch-title:has-text('ResNet-18')")
    wait_for_address(page, tab="architecture", network="resnet18")
    assert page.get_by_role("combobox", name="Network").input_value() == "ResNet-18"


def test_an_opened_block_is_shared_and_left_by_back(empty_app, open_page):
    page = open_page(f"{empty_app.url}?tab=architecture&network=resnet34&block=layer9.0")
    page.wait_for_selector(".explorer [data-block='layer1.0'][aria-current]")
    wait_for_address(page, tab="architecture", network="resnet34")  # there is no such block
    page.click(".explorer [data-block='layer3.1']")
    page.wait_for_selector("#arch-block:has-text('256 × 2 × 2')")
    wait_for_address(page, tab="architecture", network="resnet34", block="layer3.1")

    shared = open_page(page.url)
    shared.wait_for_selector(".explorer [data-block='layer3.1'][aria-current]")
    shared.wait_for_selector("#arch-block:has-text('256 × 2 × 2')")
    wait_for(lambda: shared.wait_for_timeout(100) or is_in_view(shared, "#arch-block"), "the block in view")

    page.go_back()
    page.wait_for_selector(".explorer [data-block='layer1.0'][aria-current]")
    page.wait_for_selector("#arch-block:has-text('64 × 8 × 8')")
    wait_for_address(page, tab="architecture", network="resnet34")


def test_a_step_of_the_walk_is_shared_and_left_by_back(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=architecture&step=2")
    page.wait_for_selector("#walk:has-text('Step 2 of')")
    page.wait_for_selector(".arch-title:has-text('ResNet-56')")
    page.click("#walk [data-go=next]")
    page.wait_for_selector("#walk:has-text('Step 3 of')")
    wait_for_address(page, tab="architecture", step="3")
    page.go_back()
    page.wait_for_selector("#walk:has-text('Step 2 of')")
    page.wait_for_selector(".arch-title:has-text('ResNet-56')")
    page.click("#walk [data-go=end]")
    wait_for_address(page, tab="architecture", network="resnet56", stem="cifar", shortcut="A")
    page.reload()
    page.wait_for_selector(".arch-title:has-text('ResNet-56')")
    assert page.is_visible("#walk [data-step='1']")


def test_a_run_and_a_comparison_come_again(app, runs, open_page):
    first, second = (run.id for run in runs)
    with app.running():
        page = open_page(f"{app.url}?run={first}")
        page.wait_for_selector(f"#status [data-run={first}]")
        page.get_by_role("tab", name="Runs").click()
        page.click(f"#runs input[data-run={second}]")
        page.click(f"#runs input[data-run={first}]")
        wait_for_address(page, tab="runs", runs=f"{second},{first}")
        page.get_by_label("Error, not accuracy").last.check()
        wait_for_address(page, tab="runs", runs=f"{second},{first}", error="1")
        page.reload()
        page.wait_for_selector("#runs-curves:has-text('Error (1 - accuracy)')")
        page.wait_for_selector(f"#runs input[data-run={second}]:checked")
        page.wait_for_selector("#runs-differences:has-text('0.004')")
        assert page.is_checked(f"#runs input[data-run={first}]") and selected(page) == "Runs"

        page.goto(f"{app.url}?run=never")
        page.wait_for_selector("text=is not here")
        wait_for_address(page)
