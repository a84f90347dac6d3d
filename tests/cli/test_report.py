"""A run as one HTML page: what stands in it, and that nothing of it is fetched or tells of this machine."""

import re
import shutil
from html.parser import HTMLParser

import pytest

from resnet_demo.cli.main import main
from resnet_demo.language import CHINESE, in_language
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.evaluation import load_evaluation
from resnet_demo.runs.snapshot import whole_snapshot
from resnet_demo.ui.html.report import report_page
from tests.support.checkpoints import make_run


class Fetched(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        addresses = (named.get(name) or "" for name in ("src", "href", "xlink:href", "data", "poster"))
        self.found += [address for address in addresses if address and not address.startswith(("data:", "#"))]
        self.found += [tag] if tag in ("script", "link", "iframe") else []


@pytest.fixture
def shipped(tmp_path):
    """A run that came with the project, with its evaluation, as one's own."""
    source = next(path for path in sorted(SHIPPED.iterdir()) if path.name.endswith("-folder"))
    return RunDirectory(shutil.copytree(source, tmp_path / "runs" / source.name))


def test_the_report_is_one_file_that_fetches_nothing(shipped, tmp_path, capsys):
    output = tmp_path / "report.html"
    assert main(["report", str(shipped.path), "--output", str(output)]) == 0
    assert capsys.readouterr().out.strip() == str(output)
    page = output.read_text(encoding="utf-8")
    fetched = Fetched()
    fetched.feed(page)
    assert fetched.found == []
    assert not re.search(r"@import|url\((?!['\"]?data:)|\son\w+=", page)


def test_it_holds_curves_configuration_environment_and_the_confusion_matrix(shipped):
    page = report_page(whole_snapshot(shipped), load_evaluation(shipped))
    assert page.count("<figure class=") >= 5 and "evaluate-confusion" in page
    for said in ("Batch size", shipped.environment()["torch"], shipped.id, "are not shown", "test images of"):
        assert said in page
    evaluation = load_evaluation(shipped)
    assert f">{evaluation.confusion[0, 0]:,}</button>" in page


def test_it_names_no_folder_of_this_machine(store, shipped):
    run = make_run(store, "mine")
    config = run.path / "config.json"
    config.write_text(config.read_text().replace('"digits"', '"folder:/srv/secret/animals"'))
    page = report_page(whole_snapshot(RunDirectory(run.path)), None)
    assert "/srv" not in page and str(store.folder) not in page and "animals" in page
    assert "Not evaluated" in page


def test_names_are_text_not_html(store):
    run = make_run(store, "mine")
    run.rename("<script>alert(1)</script>")
    assert "<script" not in report_page(whole_snapshot(run), None)


def test_it_speaks_the_visitors_language(shipped):
    with in_language(CHINESE):
        page = report_page(whole_snapshot(shipped), load_evaluation(shipped))
    assert '<html lang="zh-CN">' in page and "运行环境" in page


def test_what_is_no_run_is_a_sentence(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) != 0
    assert "Traceback" not in capsys.readouterr().err
