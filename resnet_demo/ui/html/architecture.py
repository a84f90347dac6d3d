"""What the Architecture tab says between its drawings. Pure functions."""

from resnet_demo.language import t


def _title(text: str) -> str:
    return f'<h2 class="arch-title">{text}</h2>'


def why_html() -> str:
    """What a residual network is, before any of it is shown."""
    lead = t(
        "A deep network made of blocks, each of which adds something to what it is given instead of making it anew."
    )
    problem = t(
        "Deeper should be better, but a plain stack of layers gets worse: on CIFAR-10, 56 plain layers make more "
        "errors than 20, even on the images they were trained on. So this is not overfitting: they are harder to "
        "optimise. This is called <b>degradation</b>."
    )
    idea = t(
        "A <b>residual block</b> does not learn what should come out, H(x), but what must be added to what came in: "
        'the <b>residual</b> <span class="arch-orange">F(x) = H(x) − x</span>. The input <span '
        'class="arch-blue">x</span> goes round by a <b>shortcut</b>, and the two are summed.'
    )
    help_ = t(
        'Where a block has nothing to improve, pushing <span class="arch-orange">F</span> towards zero makes it the '
        "<b>identity</b>: what comes in goes out. That is easier than teaching layers to copy, so one more block need "
        "do no harm."
    )
    parts = ((t("The problem"), problem), (t("The idea"), idea), (t("Why it helps"), help_))
    return (
        f'{_title(t("What is a residual network?"))}<p class="arch-lead">{lead}</p><div class="arch-why">'
        f"{''.join(f'<div><h3>{title}</h3><p>{text}</p></div>' for title, text in parts)}</div>"
    )


def measuring_html() -> str:
    said = t("Measuring the network… this takes some seconds at first.")
    return f'<div class="arch-space-summary"><p class="arch-measuring" role="status">{said}</p></div>'


def networks_html() -> str:
    return _title(t("Any network of the family, measured and drawn"))


def blocks_intro_html() -> str:
    said = t(
        'Follow <b>x</b> from the top: it takes two ways, the <span class="arch-orange">residual branch</span> and '
        'the <span class="arch-blue">shortcut</span>, which must end in the same shape to be added. A '
        "<b>convolution</b> slides small learned filters over the map; <b>batch norm</b> keeps its numbers in a "
        "steady range; <b>ReLU</b> sets negative numbers to zero. A 1×1 convolution on the shortcut is called a "
        "<b>projection</b>, written W<sub>s</sub>. Where a Conv Block changes the shape, the same block cannot "
        "follow it; Identity Blocks can be repeated any number of times. A <b>plain</b> block has no shortcut: "
        "<b>x</b> takes one way. Shapes are channels × height × width."
    )
    return f'{_title(t("Inside the blocks"))}<p class="arch-note">{said}</p>'


def compare_html() -> str:
    said = t(
        "What another depth costs, and which kind of layer holds it. Look at the last rows, too: how soon one "
        "position sees more than the whole image, and how few positions are left."
    )
    return f'{_title(t("Beside another network"))}<p class="arch-note">{said}</p>'


def next_html() -> str:
    said = t("Now watch it learn: open the <b>Train</b> tab and click Start training.")
    return f'<p class="arch-next">{said}</p>'
