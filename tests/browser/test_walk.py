"""The walk through the Architecture tab, every step of it: what it speaks of is drawn, outlined and in view."""

from resnet_demo.ui.html.walk import STEPS

BOX = """() => {
  const card = document.querySelector('#walk').getBoundingClientRect();
  const targets = [...document.querySelectorAll(document.querySelector('#walk [data-target]').dataset.target)];
  const outlined = targets.filter((one) => getComputedStyle(one).outlineWidth === '3px');
  const marked = outlined.map((one) => one.getBoundingClientRect());
  return {card: card.bottom, top: Math.min(...marked.map(({top}) => top)), height: innerHeight, marked: marked.length};
}"""


def wait_for_step(page, number: int) -> None:
    page.wait_for_selector(f"#walk:has-text('Step {number} of {len(STEPS)}')")
    page.wait_for_function(  # it has come to rest below the card, or as far up as the page goes
        f"""() => {{
          const box = ({BOX})();
          const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
          return box.marked && box.top >= box.card && (box.top < box.card + 60 || end) && box.top < box.height - 100;
        }}"""
    )


def test_every_step_draws_and_points_at_what_it_speaks_of(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.emulate_media(reduced_motion="reduce")
    refused = []
    page.on("response", lambda answer: refused.append(answer.request.post_data) if answer.status >= 400 else None)
    page.get_by_role("tab", name="Architecture").click()
    page.wait_for_selector("text=23,528,522")
    page.wait_for_selector("#blocks-row [data-block]")
    page.click("#walk [data-step]")
    for number, step in enumerate(STEPS, start=1):
        wait_for_step(page, number)
        targets = page.query_selector_all(step.target)
        assert targets and page.evaluate(BOX)["marked"] == len(targets)
        if step.drawn:
            label = step.drawn.network.architecture.label
            page.wait_for_selector(f".arch-title:has-text('{label}')")
            page.wait_for_selector(f"#arch-compared th:has-text('{step.drawn.beside.architecture.label}')")
        if step.target.startswith("#arch-shortcut"):  # what is drawn anew stays outlined
            page.click("#arch-shortcut label:has-text('B: a projection')")
            page.wait_for_selector("#arch-network:has-text('Identity Block')")
            assert page.evaluate(BOX)["marked"] == len(page.query_selector_all(step.target)) == 2
            page.focus("#walk [data-go=next]")
        if number < len(STEPS):
            page.keyboard.press("Enter")  # the button keeps the focus from step to step
    page.wait_for_selector("#blocks-row [aria-pressed=true]")
    assert len(page.query_selector_all("#blocks-row [aria-pressed=true]")) == 1
    assert page.is_disabled("#walk [data-go=next]")

    page.click("#walk [data-go=back]")
    wait_for_step(page, len(STEPS) - 1)
    page.click("#walk [data-go=end]")
    page.wait_for_selector("#walk [data-target]", state="detached")
    assert page.is_enabled("#walk [data-step='1']")
    assert refused == []  # each drawing was asked for with choices that belong together
