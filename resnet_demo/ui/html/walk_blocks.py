"""What the walk says of the blocks: the sum, 1×1 convolutions, what can be chained, what a trained network needs. Pure
functions to texts. Imports neither gradio nor torch."""

from html import escape
from math import prod

from resnet_demo.language import t
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.text import percent
from resnet_demo.ui.html.block_row import no_checkpoint
from resnet_demo.ui.html.diagram import count_text, rounded_text, shape_text
from resnet_demo.ui.html.walk_facts import (
    OF_THE_ARTICLE,
    PLAIN56,
    RESNET34,
    RESNET50,
    RESNET56,
    RESNET152,
    RESNET_ON_CIFAR10,
    Facts,
    Said,
    blocks_of,
    cited_percent,
    count_blocks,
    first_block,
    in_the_paper,
    sums_of,
    times,
)


def what_the_sum_changes(facts: Facts) -> Said:
    residual, plain = facts.measured(RESNET56), facts.measured(PLAIN56)
    blocks = blocks_of(residual)
    identities = sum(not block.shortcut for block in blocks)
    return Said(
        t("What F(x) + x changes"),
        [
            t(
                'Follow <span class="arch-blue">x</span> in this block of <b>ResNet-56</b>: it goes round the layers '
                'and is added to what they make, <span class="arch-orange">F(x)</span>. To copy, the block only has to '
                "push F(x) to zero."
            ),
            t(
                "{identities} of the {blocks} blocks hand on x as it is, the others fill up with zeros: {learned} "
                "parameters for all shortcuts. Only the sums are new: ResNet-56 has {residual} parameters, Plain-56 "
                "{plain}, with {work} and {plain_work} multiply-adds.",
                identities=identities,
                blocks=len(blocks),
                learned=sums_of(layer for block in blocks for layer in block.shortcut)[0],
                residual=count_text(residual.parameters),
                plain=count_text(plain.parameters),
                work=rounded_text(residual.multiply_adds),
                plain_work=rounded_text(plain.multiply_adds),
            ),
            t(
                "With them depth pays: on CIFAR-10 ResNet-20 has a test error of {shallow}, ResNet-56 of {deep} "
                "({table}).",
                shallow=cited_percent(RESNET_ON_CIFAR10[20]),
                deep=cited_percent(RESNET_ON_CIFAR10[56]),
                table=in_the_paper(t("He et al. 2015, table 6")),
            ),
        ],
    )


def why_1x1(facts: Facts) -> Said:
    network, basic = facts.measured(RESNET50), facts.measured(RESNET34)
    block = first_block(network.stages[0], "Identity Block")
    convolutions = [layer for layer in block.residual if layer.kind == "convolution"]
    wide, narrow = convolutions[0].in_shape[0], convolutions[0].out_shape[0]
    weights, work = sums_of(convolutions)
    pair = 2 * 3**2 * wide**2  # weights of two 3×3 convolutions from all channels to all channels
    return Said(
        t("Why 1×1 convolutions save work"),
        [
            t(
                "This Identity Block of <b>ResNet-50</b> takes {wide} channels. A 1×1 convolution reduces them to "
                "{narrow}, the 3×3 convolution works on these alone, and a second 1×1 restores {wide}.",
                wide=wide,
                narrow=narrow,
            ),
            t(
                "The three have {weights} weights. Two 3×3 convolutions on all {wide} channels would have {pair}, "
                "{times} times as many, and as many times the multiply-adds: {pair_work} in place of {work}.",
                weights=count_text(weights),
                wide=wide,
                pair=count_text(pair),
                times=times(pair / weights),
                pair_work=rounded_text(pair * prod(block.out_shape[1:])),
                work=rounded_text(work),
            ),
            t(
                "So ResNet-50 takes only {more} more work than ResNet-34, whose blocks are such pairs on fewer "
                "channels: {work} multiply-adds against {basic_work}.",
                more=percent(network.multiply_adds / basic.multiply_adds - 1),
                work=rounded_text(network.multiply_adds),
                basic_work=rounded_text(basic.multiply_adds),
            ),
        ],
    )


def why_no_chain(facts: Facts) -> Said:
    network, deeper, article = (facts.measured(spec) for spec in (RESNET50, RESNET152, OF_THE_ARTICLE))
    stage = network.stages[1]
    block, identity = first_block(stage, "Conv Block"), first_block(stage, "Identity Block")
    keeping = [block for block in blocks_of(article) if block.kind == "Conv Block" and block.keeps_shape]
    return Said(
        t("Why a Conv Block cannot follow itself"),
        [
            t(
                "The Conv Block turns {before} into {after}. Its first layer reads {reads} channels and the block "
                "gives {gives}, so the same block cannot take in what it gives.",
                after=shape_text(block.out_shape),
                before=shape_text(block.in_shape),
                reads=block.in_shape[0],
                gives=block.out_shape[0],
            ),
            t(
                "The Identity Block gets and gives {shape}: {number} follow each other here, and any number could. In "
                "stage 3 ResNet-50 has {few} of them, ResNet-152 has {many}.",
                shape=shape_text(identity.out_shape),
                number=count_blocks(stage, "Identity Block"),
                few=count_blocks(network.stages[2], "Identity Block"),
                many=count_blocks(deeper.stages[2], "Identity Block"),
            ),
            t(
                "It is the change of shape that forbids it, not the projection: {number} Conv Blocks in the article's "
                "ResNet-50 keep the shape and could be chained. But their shortcuts cost {parameters} parameters, an "
                "Identity Block's none.",
                number=len(keeping),
                parameters=count_text(sums_of(layer for block in keeping for layer in block.shortcut)[0]),
            ),
        ],
    )


def what_a_trained_network_needs(facts: Facts) -> Said:
    title = t("Now test it on a trained network")
    trained = facts.trained
    if trained is None:
        return Said(title, [no_checkpoint()])
    if trained.is_plain:
        done = t(
            "{block} of the checkpoint has just been switched off. The network is plain, with no shortcut round the "
            "block: nothing gets through, and the answer is the same for every image.",
            block=f"<b>{escape(trained.off)}</b>",
        )
    else:
        done = t(
            "{block} of the checkpoint has just been switched off: its F(x) is zero, x still goes round it. The "
            "thin marks are where the bars of the answer were.",
            block=f"<b>{escape(trained.off)}</b>",
        )
    if not trained.own_image and not trained.is_plain:
        done += t(" ") + t("Of the images to click, this one needs it most.")
    test = t(
        "Click the block to switch it on again, then switch off others. Which does the answer need, and which not?"
    )
    return Said(title, [done, _without(trained.ablation), test])


def _without(ablation: BlockAblation | None) -> str:
    """What was measured over many images, or how to measure it."""
    if ablation is None or not ablation.without:
        return t(
            "One image says little: “Measure the accuracy without each block” does the same with each block over many."
        )
    ordered = sorted(ablation.without, key=ablation.without.__getitem__)
    return t(
        "Of {images} test images it names {all} right; without {needed} {least}, without {spared} still {most}.",
        images=count_text(ablation.images),
        all=percent(ablation.accuracy),
        needed=escape(ordered[0]),
        least=percent(ablation.without[ordered[0]]),
        spared=escape(ordered[-1]),
        most=percent(ablation.without[ordered[-1]]),
    )
