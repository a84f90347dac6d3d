"""The form can be read at any width."""

import pytest


@pytest.mark.parametrize("width", [1440, 390])
def test_no_setting_is_squeezed(app, open_page, width):
    with app.running():
        page = open_page(app.url, width)
        page.click("text=Advanced settings")
        page.wait_for_selector("#setting-log_every_steps >> visible=true")
        widths = page.eval_on_selector_all(
            "[id^=setting-]", "all => Object.fromEntries(all.map(one => [one.id, one.getBoundingClientRect().width]))"
        )
        front = {"setting-epochs", "setting-batch_size", "setting-learning_rate"}  # three in a row, with short hints
        assert len(widths) > 20 and {name for name, found in widths.items() if found < 140} <= front
        switches = page.locator(".form-advanced .form-checkbox")
        row = page.locator(".form-advanced").first.bounding_box()["width"]
        assert switches.count() == 6
        assert all(switches.nth(index).bounding_box()["width"] > 0.9 * row for index in range(3))
