"""The drawn network in a real browser: a block that is clicked is the one that opens; zoom by keys, wheel, fingers and
buttons; on a phone the lines are short; what is saved stands by itself."""

from xml.etree import ElementTree

import pytest
from PIL import Image

SVG = "#arch-network .explorer > svg"
SEEN = f"() => document.querySelector('{SVG}').getAttribute('viewBox').split(' ').map(Number)"
TOLD = "#arch-network .explorer-told"
TEXTS = "all => all.map((one) => one.textContent)"


def marked(page):
    return page.eval_on_selector_all("#arch-network [aria-current]", "all => all.map((one) => one.dataset.block)")


def block(name):
    return f'#arch-network [data-block="{name}"]'


@pytest.fixture
def drawn(empty_app, open_page):
    def opened(network="resnet50", **how):
        page = open_page(f"{empty_app.url}?tab=architecture&network={network}", **how)
        page.emulate_media(reduced_motion="reduce")
        page.wait_for_selector(f"{SVG}[data-whole]")  # the script has seen it
        return page

    return opened


def test_the_third_block_of_stage_2_opens_by_a_click_and_by_enter(drawn):
    page = drawn()
    page.click(block("layer2.2"))
    page.wait_for_selector("#arch-block .arch-opened h3:has-text('layer2.2, block 3 of 4 in stage 2')")
    layers = page.eval_on_selector_all(
        "#arch-block .arch-opened .arch-layer title", "all => all.map((one) => one.textContent)"
    )
    assert layers and all(layer.startswith("layer2.2.") for layer in layers)
    assert marked(page) == ["layer2.2"]

    page.focus(block("layer2.2"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#arch-block .arch-opened h3:has-text('layer2.3')")
    # It stays open in the same network with another stem.
    page.click("label:has-text('cifar: 3x3')")
    page.wait_for_selector("#arch-network .arch-slab[aria-label*='64 × 32 × 32']")
    assert marked(page) == ["layer2.3"]


def test_zoom_and_pan_by_keys_wheel_buttons_and_mouse(drawn):
    page = drawn()
    whole = page.evaluate(SEEN)
    page.focus(SVG)
    page.keyboard.press("+")
    once = page.evaluate(SEEN)
    assert once[2] == pytest.approx(whole[2] / 1.5) and once[3] / once[2] == pytest.approx(whole[3] / whole[2])
    page.keyboard.press("ArrowRight")
    assert page.evaluate(SEEN)[0] > once[0] and page.evaluate(SEEN)[2] == pytest.approx(once[2])
    page.keyboard.press("0")
    assert page.evaluate(SEEN) == whole

    page.hover(block("layer1.1"))
    page.mouse.wheel(0, 40)
    assert page.evaluate(SEEN) == whole  # it is the page's
    page.hover(block("layer1.1"))
    place = page.locator(block("layer1.1")).bounding_box()
    middle = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(*middle)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function(f"({SEEN})()[2] < {whole[2] - 1}")
    after = page.locator(block("layer1.1")).bounding_box()
    assert after["x"] + after["width"] / 2 == pytest.approx(middle[0], abs=3)  # what the pointer is on stays there

    before = page.evaluate(SEEN)
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=4)
    page.mouse.up()
    assert page.evaluate(SEEN)[0] < before[0] or before[0] == 0
    assert page.eval_on_selector_all("#arch-network [aria-current]", "all => all.map((one) => one.dataset.block)") == [
        "layer1.0"
    ]
    page.click("#arch-network [data-zoom=whole]")
    assert page.evaluate(SEEN) == whole


def test_a_button_let_go_outside_of_the_page_drags_nothing(drawn):
    page = drawn()
    page.focus(SVG)
    page.keyboard.press("+")
    before = page.evaluate(SEEN)
    page.eval_on_selector(
        SVG,
        """svg => {
            const {left, top} = svg.getBoundingClientRect();
            const sent = (type, x, buttons) => svg.dispatchEvent(new PointerEvent(type, {
                bubbles: true, pointerId: 1, pointerType: 'mouse', buttons, clientX: left + x, clientY: top + 40,
            }));
            sent('pointerdown', 200, 1);
            sent('pointermove', 100, 0);
        }""",
    )
    assert page.evaluate(SEEN) == before


def test_what_is_pointed_at_is_told_in_a_line_that_keeps_its_place(drawn):
    page = drawn()
    hint, height = page.text_content(TOLD), page.locator("#arch-network").bounding_box()["height"]
    page.hover(block("layer3.5"))
    told = page.text_content(TOLD)
    assert told == "layer3.5, Identity Block: 1024 × 2 × 2 out, 1,117,184 parameters, 4.46 million multiply-adds"
    assert page.locator("#arch-network").bounding_box()["height"] == height
    page.mouse.move(2, 2)
    assert page.text_content(TOLD) == hint
    page.focus(block("layer3.0"))
    assert page.text_content(TOLD).startswith("layer3.0, Conv Block")


def test_on_a_phone_the_lines_are_short_and_nothing_is_cut_off(drawn):
    page = drawn("resnet152", width=390)
    page.wait_for_selector(f"{SVG}.explorer-narrow")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        f"""() => {{
            const box = document.querySelector('{SVG}').getBoundingClientRect();
            return [...document.querySelectorAll('{SVG} :is(text, rect)')].filter((part) => {{
                const {{left, right, top, bottom}} = part.getBoundingClientRect();
                return left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
            }}).map((part) => part.textContent);
        }}"""
    )
    assert outside == []
    letters = page.eval_on_selector_all(f"{SVG} text", "all => all.map((one) => one.getBoundingClientRect().height)")
    assert min(letters) > 8  # pixels: its line
    page.set_viewport_size({"width": 1200, "height": 900})
    page.wait_for_selector(f"{SVG}:not(.explorer-narrow)")
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_selector(f"{SVG}.explorer-narrow")


def test_two_fingers_zoom_and_one_scrolls_the_page(drawn):
    page = drawn("resnet50", width=390)
    whole = page.evaluate(SEEN)
    session = page.context.new_cdp_session(page)
    page.locator(SVG).scroll_into_view_if_needed()
    box = page.locator(SVG).bounding_box()
    x, y = box["x"] + box["width"] / 2, max(120, box["y"] + 120)

    def touch(kind, *points):
        session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": px, "y": py} for px, py in points]}
        )

    touch("touchStart", (x - 20, y), (x + 20, y))
    for apart in (30, 40, 60):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    page.wait_for_function(f"({SEEN})()[2] < {whole[2] / 1.5}")
    zoomed, scrolled = page.evaluate(SEEN), page.evaluate("scrollY")
    touch("touchStart", (x, y + 100))
    for dy in (80, 60, 40, 20, 0):
        touch("touchMove", (x, y + dy))
    touch("touchEnd")
    page.wait_for_function(f"scrollY > {scrolled}")
    assert page.evaluate(SEEN)[1] == pytest.approx(zoomed[1], abs=zoomed[3] / 10)


def test_what_is_saved_is_the_whole_network_and_stands_by_itself(drawn, tmp_path):
    page = drawn("resnet18", dark=True)
    page.click("#arch-network [data-zoom=in]")
    for kind in ("SVG", "PNG"):
        page.click("#arch-network .chart-more")
        with page.expect_download() as download:
            page.click(f".chart-menu :text('Save as {kind}')")
        assert download.value.suggested_filename == f"resnet-18-from-the-image-to-the-classes.{kind.lower()}"
        download.value.save_as(tmp_path / f"saved.{kind}")
    svg = ElementTree.parse(tmp_path / "saved.SVG").getroot()
    names = [group.get("data-block") for group in svg.iter("{http://www.w3.org/2000/svg}g") if group.get("data-block")]
    assert len(names) == 8 and "var(" not in ElementTree.tostring(svg, "unicode")
    assert svg.get("viewBox").startswith("0 -30 1000 ")
    fronts = [part for part in svg.iter() if part.get("class") == "arch-front"]
    assert fronts and all(float(front.get("fill-opacity")) < 0.5 for front in fronts)  # they are not black boxes
    with Image.open(tmp_path / "saved.PNG") as image:
        assert image.width == 3000 and len(image.convert("RGB").getcolors(1 << 24)) > 20
        assert image.convert("L").resize((1, 1)).getpixel((0, 0)) < 128
