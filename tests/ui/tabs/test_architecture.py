"""The Architecture tab over HTTP, as the page calls it, and what it must not do while the page is built."""

import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.architecture import build_architecture_tab
from resnet_demo.ui.tabs.network_drawing import INPUT_SIZES, draw_named

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("architecture")
    with gr.Blocks() as demo:
        with gr.Tab("Architecture", id="architecture"):
            tab = build_architecture_tab(Backend.over(RunStore(folder / "runs"), folder / "data"))
        tab.wire(demo, *(gr.Textbox("", visible="hidden") for _ in range(2)))
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    yield Client(url, verbose=False)
    demo.close()


def sentence(client, *values, api_name):
    """What the server answers to values it does not offer."""
    with pytest.raises(AppError) as caught:
        client.predict(*values, api_name=api_name)
    return str(caught.value)


def test_the_page_is_built_without_torch():
    code = (
        "import sys, gradio as gr\n"
        "from pathlib import Path\n"
        "from resnet_demo.runs.directory import SHIPPED\n"
        "from resnet_demo.runs.store import RunStore\n"
        "from resnet_demo.ui.backend import Backend\n"
        "from resnet_demo.ui.tabs.architecture import build_architecture_tab\n"
        "backend = Backend.over(RunStore(Path('runs'), SHIPPED), Path('data'))\n"
        "with gr.Blocks() as demo:\n"
        "    build_architecture_tab(backend).wire(demo, *(gr.Textbox(visible='hidden') for _ in range(2)))\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_network_is_measured_and_drawn(client):
    summary, network, block, left, table = client.predict(
        "resnet50", "imagenet", "B", 32, "layer2.2", api_name="/architecture"
    )
    assert "ResNet-50" in summary and "23.5 million parameters" in summary
    assert left.count("<figure ") == 6 and "8 × 8 positions; each sees 11 pixels" in left
    assert network.count("data-block") == 16 and network.count("aria-current") == 1
    assert 'data-block="layer2.2"' in network.partition("aria-current")[0].rpartition("<g")[2]
    assert "layer2.0" in block and "layer2.2" in block
    assert "23,528,522" in table


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (("resnet20", "imagenet", "C", 64, "layer2.1"), ["resnet20", 64, "cifar", "C", "layer2.1"]),
        (("resnet20", "?", "none", 7, "layer4.0"), ["resnet20", 32, "cifar", "A", "layer1.0"]),
        (("<b>", "cifar", "B", 128, "<i>"), ["resnet50", 128, "cifar", "B", "layer1.0"]),
    ],
)
def test_what_an_address_names_is_chosen_and_drawn(client, named, shown):
    """What it names wrongly is what is shown first. The page's first drawing is of the same, and chooses nothing."""
    *chosen, summary, network, block, left, table = draw_named(*named)
    assert [one["value"] if isinstance(one, dict) else one for one in chosen] == shown
    assert ARCHITECTURES[shown[0]].label in summary
    drawn = client.predict(*named, "", api_name="/architecture_load")
    assert drawn == (summary, network, block, left, table)


def test_another_block_is_opened_alone(client):
    block = client.predict("resnet34", "cifar", "B", 64, "layer1.2", api_name="/architecture_block")
    assert "layer1.2, block 3 of 3" in block and "has no Conv Block" in block


def test_a_network_of_three_stages_offers_its_own_stem_and_shortcuts(client):
    *offered, opened, summary, network, block, _, _ = client.predict(
        "resnet20", "imagenet", 32, "layer4.2", api_name="/architecture_another"
    )
    stem, shortcut = ([value for _, value in one["choices"]] for one in offered)
    assert (stem, shortcut) == (["cifar"], ["A", "B", "C"])
    assert [one["value"] for one in offered] == ["cifar", "A"] and opened == "layer1.0"  # it has no such block
    assert "269,722 parameters" in summary
    assert network.count("data-block") == 9 and "Zero-Pad Block" in network and "layer1.0" in block


def test_the_opened_block_stays_open_where_the_next_network_has_it(client):
    _, _, opened, _, network, *_ = client.predict(
        "resnet18", "imagenet", 32, "layer3.1", api_name="/architecture_another"
    )
    assert opened == "layer3.1" and 'aria-current="true"' in network


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_what_is_offered_is_drawn(client, arch):
    stem, shortcuts, *_ = client.predict(arch, "compact", 32, "layer1.0", api_name="/architecture_another")
    for _, shortcut in shortcuts["choices"]:
        summary, *_ = client.predict(arch, stem["value"], shortcut, 32, "layer1.0", api_name="/architecture")
        assert ARCHITECTURES[arch].label in summary


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("resnet51", "imagenet", "B", 32, "layer1.0"), "no such network"),
        (("resnet50", "../etc", "B", 32, "layer1.0"), "no such stem"),
        (("resnet50", "imagenet", "none", 32, "layer1.0"), "no such shortcuts"),
        (("plain20", "cifar", "A", 32, "layer1.0"), "no such shortcuts"),
        (("resnet20", "cifar", "A", 32, "layer4.0"), "no such block"),
        (("resnet50", "imagenet", "B", 10**9, "layer1.0"), "no such input size"),
        (("resnet50", "imagenet", "B", 32, ["layer1.0"]), "no such block"),
        (("resnet50", "imagenet", "B", 32, True), "no such block"),
        (([], "imagenet", "B", 32, "layer1.0"), "no such network"),
        (("resnet50", {"a": []}, "B", 32, "layer1.0"), "no such stem"),
        ((None, None, None, None, None), "no such"),
    ],
)
@pytest.mark.parametrize("api_name", ["/architecture", "/architecture_block"])
def test_a_foreign_value_gets_a_sentence(client, values, said, api_name):
    answer = sentence(client, *values, api_name=api_name)
    assert said in answer and "Choose one of" in answer
    assert "Traceback" not in answer and "\n" not in answer


def test_the_choices_are_named_in_the_answer(client):
    answer = sentence(client, "resnet50", "imagenet", "B", 33, "layer1.0", api_name="/architecture")
    assert ", ".join(str(size) for size in INPUT_SIZES) in answer


def test_another_network_stands_beside_the_chosen_one(client):
    values = ["resnet50", "imagenet", "B", 32, "resnet34", "compact"]
    table = client.predict(*values, api_name="/architecture_compare")
    assert "23,528,522" in table and "ResNet-34, stem compact, shortcuts B" in table
    assert "no such network" in sentence(client, *values[:4], "x", "compact", api_name="/architecture_compare")
