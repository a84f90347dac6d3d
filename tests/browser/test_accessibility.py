"""What axe-core finds in every tab, in both themes and at both widths: nothing that is ours."""

import pytest

# Gradio's own: its footer repeats a button's words as the text of its image.
OF_GRADIO = {"image-redundant-alt"}


def findings(page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    unnamed = page.query_selector_all("[class$=-scroll][tabindex='0']:not([role][aria-label])")
    return [f"no role or name: {one.get_attribute('class')}" for one in unnamed] + [
        f"{one['impact']} {one['id']}: {node['html'][:200]}"
        for one in found
        if one["id"] not in OF_GRADIO
        for node in one["nodes"]
    ]


UNFADED = """() => {
    const part = document.querySelector('#classify-why');
    return part.getAnimations({subtree: true}).every((one) => one.playState !== 'running');
}"""


def show(page, tab: str) -> None:
    """The tab with something to see in it."""
    page.get_by_role("tab", name=tab).click()
    if tab == "Train":
        page.wait_for_selector("#plan:has-text('Trains on')")
        page.click("text=Advanced settings")
        page.wait_for_selector("#schedule >> visible=true")
    elif tab == "Runs":
        page.click("#runs input[data-run]")
        page.wait_for_selector("#runs-curves polyline.train")
    elif tab == "Architecture":
        page.wait_for_selector("#blocks-row [data-block]")
        page.wait_for_selector("text=23,528,522")
        page.click("#walk [data-step]")
        page.wait_for_selector("#walk [data-target]")
    elif tab == "Classify":
        page.click("#classify-examples [data-example]")
        page.click("#classify-answer button >> nth=0")
        page.wait_for_selector("#classify-why img")
        page.wait_for_selector("#classify-why .pending", state="detached")  # Gradio fades it as long as its call lasts
        page.wait_for_function(UNFADED)
    else:
        page.wait_for_selector(".evaluate-confusion button")


@pytest.mark.parametrize(("dark", "width"), [(False, 1440), (True, 390)])
def test_nothing_stands_in_the_way_of_who_reads_or_hears_it(shipped_app, open_page, dark, width):
    found = {}
    page = open_page(shipped_app.url, width, dark)
    for tab in ("Train", "Runs", "Architecture", "Classify", "Evaluate"):
        show(page, tab)
        found[tab] = findings(page)
    assert {tab: said for tab, said in found.items() if said} == {}
