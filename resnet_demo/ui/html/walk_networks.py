"""What the walk says of whole networks: depth, the stem, the options for shortcuts. Pure functions to texts. Imports
neither gradio nor torch."""

from statistics import fmean

from resnet_demo.language import t
from resnet_demo.text import percent
from resnet_demo.ui.html.diagram import count_text, layer_text, rounded_text
from resnet_demo.ui.html.receptive_field import receptive_field
from resnet_demo.ui.html.walk_facts import (
    KEEPS_EVERY_PLACE,
    MEASURED,
    MEASURED_IMAGES,
    MEASURED_STEPS,
    OPTIONS,
    OPTIONS_ON_IMAGENET,
    PLAIN20,
    PLAIN56,
    RESNET50,
    Facts,
    Said,
    blocks_of,
    cited_percent,
    in_the_paper,
    sums_of,
    times,
)


def why_depth_hurt(facts: Facts) -> Said:
    shallow, deep = facts.measured(PLAIN20), facts.measured(PLAIN56)
    plain18, plain34, resnet18, resnet34 = (percent(fmean(errors)) for errors in MEASURED.values())
    return Said(
        t("Why depth hurt"),
        [
            t(
                "<b>Plain-56</b> could do all that <b>Plain-20</b> does: its {extra} further layers would only have to "
                "copy. It has {times} times the parameters, {parameters}.",
                extra=deep.depth - shallow.depth,
                times=times(deep.parameters / shallow.parameters),
                parameters=count_text(deep.parameters),
            ),
            t(
                "Yet it makes more errors on CIFAR-10, even on the images that it was trained on ({figure}). So this "
                "is not overfitting: it is harder to optimise.",
                figure=in_the_paper(t("He et al. 2015, figure 1")),
            ),
            t(
                "Measured for this page on {images} digits, {steps} steps, three seeds: Plain-18 has a training error "
                "of {plain18}, Plain-34 of {plain34}; ResNet-18 has {resnet18}, ResNet-34 {resnet34}. Shortcuts take "
                "most of the difference away; in so few steps depth still does not pay. The curves stand below, under "
                "“Degradation, on your own machine”.",
                images=MEASURED_IMAGES,
                steps=count_text(MEASURED_STEPS),
                plain18=plain18,
                plain34=plain34,
                resnet18=resnet18,
                resnet34=resnet34,
            ),
        ],
    )


def what_the_stem_throws_away(facts: Facts) -> Said:
    network, keeps = facts.measured(RESNET50), facts.measured(KEEPS_EVERY_PLACE)
    before, after = network.in_shape[1], network.stem[-1].out_shape[1]
    to_the_end = [*network.stem, *(layer for block in blocks_of(network) for layer in block.residual)]
    return Said(
        t("What the stem throws away"),
        [
            t(
                "The stem was made for images of 224 pixels ({table}). Of {before} × {before} positions it leaves "
                "{after} × {after}, one of {of}, before the first block. Each sees {sees} pixels a side.",
                table=in_the_paper(t("He et al. 2015, table 1")),
                before=before,
                after=after,
                of=before**2 // after**2,
                sees=receptive_field(network.stem).pixels,
            ),
            t(
                "After the last stage {side} × {side} is left, which sees {sees} pixels a side, more than there are. "
                "Such a map no longer says where in the image something was.",
                side=network.stages[-1].out_shape[1],
                sees=receptive_field(to_the_end).pixels,
            ),
            t(
                "The stem “cifar” ({layer}) keeps every position and ends with {side} × {side}, but then each block "
                "has more of them to work on: {work} multiply-adds in place of {before}, {times} times as many.",
                layer=layer_text(keeps.stem[0]),
                side=keeps.stages[-1].out_shape[1],
                work=rounded_text(keeps.multiply_adds),
                before=rounded_text(network.multiply_adds),
                times=times(keeps.multiply_adds / network.multiply_adds),
            ),
        ],
    )


def what_the_options_cost(facts: Facts) -> Said:
    a, b, c = (facts.measured(spec) for spec in OPTIONS.values())
    few, many = (sum(block.kind == "Conv Block" for block in blocks_of(network)) for network in (b, c))
    last = c.stages[-1].blocks[-1]
    return Said(
        t("Shortcuts A, B and C, and what they cost"),
        [
            t(
                "Where the shape changes, x has to be adapted. <b>A</b> adds channels of zeros: {a} parameters in all. "
                "<b>B</b> learns a projection in these {few} blocks: {b}. <b>C</b>, drawn now, has one in all {many}: "
                "{c}, {more} more than B.",
                a=rounded_text(a.parameters),
                b=rounded_text(b.parameters),
                c=rounded_text(c.parameters),
                few=few,
                many=many,
                more=percent(c.parameters / b.parameters - 1),
            ),
            t(
                "That is so much because the shortcut of a bottleneck joins its wide ends: in the last block it has "
                "{shortcut} parameters, all layers of F together have {residual}.",
                shortcut=count_text(sums_of(last.shortcut)[0]),
                residual=count_text(sums_of(last.residual)[0]),
            ),
            t(
                "It buys little: on ImageNet ResNet-34 has a top-1 error of {a} with A, {b} with B, {c} with C "
                "({table}). Choose another one: pictograms and figures change with it.",
                a=cited_percent(OPTIONS_ON_IMAGENET["A"]),
                b=cited_percent(OPTIONS_ON_IMAGENET["B"]),
                c=cited_percent(OPTIONS_ON_IMAGENET["C"]),
                table=in_the_paper(t("He et al. 2015, table 3")),
            ),
        ],
    )
