"""Takes the docs' screenshots anew from a real Chromium.

    python -m benchmarks.screenshots [--output docs/pictures] [--every]

The app runs over a folder of its own. The tour is trained with a drawn digit pinned to it, a second short run stands
beside it to be compared with. `--every` takes each tab at both widths, in both themes, for people to look at before
they call a change of the page done; without it the images that the README and the docs show, of which some are of what
a first visit sees, by the shipped runs.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from benchmarks.running import running_app
from resnet_demo.data.drawing import as_digit
from resnet_demo.data.sources import drain
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.directory import SHIPPED
from resnet_demo.runs.pinned import pin
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.worker import Worker

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
TABS = ("Train", "Runs", "Architecture", "Classify")
WIDTHS = {"wide": 1440, "phone": 390}
SHOWN = ("Train", "Architecture")  # in the docs, of runs of one's own
# The docs show of a long tab what stands from one part to another: the whole of it would be too small to read.
FROM_TO = {"Architecture": ("#arch-network", "#arch-block")}
SETTLING_MS = 2500  # a tab's drawings come by requests of their own
MOST_BYTES = 300_000
COLOURS = 200  # of the palette: a page has few


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("docs/pictures"), metavar="DIR")
    parser.add_argument("--every", action="store_true", help="each tab, both widths, both themes")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "seven.png"
        seven().save(drawn)
        runs = Path(folder) / "runs"
        train_runs(runs)
        with running_app(runs) as (url, _), running_app(Path(folder) / "none") as (new, _), sync_playwright() as driver:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            browser = driver.chromium.launch(executable_path=path, args=FLAGS)
            if not options.every:
                take_first_visit(browser, new, options.output / "landing.png", "en-US")
                take_first_visit(browser, new, options.output / "landing-zh.png", "zh-CN")
                take_why(browser, new, options.output / "classify.png")
                take_blocks_off(browser, new, options.output / "blocks-off.png")
                take_strips(browser, new, options.output / "block-strips.png")
            for name, page in opened(browser, url, options.every):
                for tab in TABS if options.every else SHOWN:
                    show(page, tab, drawn)
                    target = options.output / f"{tab.lower()}{f'-{name}' * options.every}.png"
                    page.screenshot(path=target, full_page=True, clip=None if options.every else clip_of(page, tab))
                    make_smaller(target)
                    print(target)
            browser.close()


def take_first_visit(browser: Browser, url: str, target: Path, locale: str) -> None:
    """The recording, in the middle of its course."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale=locale)
    page.goto(url)
    page.wait_for_selector("#plan b")  # how long it takes is known
    page.wait_for_function("document.querySelector('[data-epoch]')?.textContent === '8'")
    page.screenshot(path=target)
    make_smaller(target)
    print(target)
    page.close()


def take_why(browser: Browser, url: str, target: Path) -> None:
    """An answer, and which places of the image speak for it."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{url}?tab=classify")
    page.click("[data-example=drawn-ship]")
    page.click("#classify-answer [data-why=ship]")
    page.wait_for_selector("#classify-why .why-map >> nth=1")
    take_part(page, ".classify-row", target)


def take_blocks_off(browser: Browser, url: str, target: Path) -> None:
    """The shipped ResNet-20 on digits without its two last blocks."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{url}?tab=architecture")
    page.click("#blocks-run input")
    page.get_by_role("option", name="ResNet-20 on digits").click()
    for block in ("layer3.1", "layer3.2"):
        page.click(f"#blocks-row [data-block='{block}']")
    page.wait_for_selector("#blocks-row [aria-pressed=true] >> nth=1")
    take_part(page, "#blocks-row", target)


def take_strips(browser: Browser, url: str, target: Path) -> None:
    """What the blocks of the shipped ResNet-50 did while it trained."""
    (run,) = (run for run, info in RunStore(SHIPPED).checkpoints() if info.arch == "resnet50")
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{url}?run={run.id}")
    page.click("text=What the blocks do while it trains")
    page.wait_for_selector("#block-strips img >> nth=0")
    take_part(page, "#block-strips", target)


def take_part(page: Page, part: str, target: Path) -> None:
    page.wait_for_timeout(SETTLING_MS)
    page.locator(part).screenshot(path=target)
    make_smaller(target)
    print(target)
    page.close()


def opened(browser: Browser, url: str, every: bool) -> Iterator[tuple[str, Page]]:
    """A page for each width and theme, or the one that the docs show."""
    for width in WIDTHS if every else ("wide",):
        for theme in ("light", "dark") if every else ("light",):
            context = browser.new_context(
                viewport={"width": WIDTHS[width], "height": 1000}, color_scheme=theme, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector("#plan:has-text('Trains on')")
            yield f"{width}-{theme}", page
            context.close()


def clip_of(page: Page, tab: str) -> FloatRect | None:
    if tab not in FROM_TO:
        return None
    page.evaluate("scrollTo(0, 0)")  # where a box is, is told from there
    first, last = (page.locator(part).bounding_box() for part in FROM_TO[tab])
    assert first and last, "a part of the tab is not shown"
    return {"x": 0, "y": first["y"], "width": WIDTHS["wide"], "height": last["y"] + last["height"] - first["y"]}


def show(page: Page, tab: str, drawn: Path) -> None:
    """Open a tab as a person does, with something in it."""
    page.get_by_role("tab", name=tab, exact=True).click()
    page.wait_for_timeout(SETTLING_MS)
    if tab == "Runs":
        for box in page.locator("#runs input[data-run]").all()[:2]:
            box.check(force=True)
    if tab == "Classify" and not page.locator(".classify-first").count():
        page.locator("input[type=file]:visible, .classify-ask input[type=file]").first.set_input_files(drawn)
        page.wait_for_selector(".classify-first")
    page.wait_for_timeout(SETTLING_MS)


def train_runs(folder: Path) -> None:
    """The tour with a pinned digit, after a shorter run of ResNet-18."""
    train(RunStore(folder), preset_config("tour", arch="resnet18", epochs=3), "20261101-090000-resnet18-digits")
    train(RunStore(folder), preset_config("tour"), "20261101-100000-resnet50-digits")


def train(store: RunStore, config: TrainConfig, name: str) -> None:
    run = store.create(config, name=name)
    pin(run, seven())
    drain(Worker(run, store.folder.parent / "data").work())


def seven() -> Image.Image:
    """A 7 as somebody draws it in Classify."""
    image = Image.new("RGB", (128, 128))
    ImageDraw.Draw(image).line([(28, 30), (98, 30), (54, 106)], fill="white", width=12, joint="curve")
    return as_digit(image)


def make_smaller(path: Path) -> None:
    """To a palette, and where that is not enough to fewer pixels."""
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    while path.stat().st_size > MOST_BYTES:
        small = small.resize((small.width * 4 // 5, small.height * 4 // 5), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
