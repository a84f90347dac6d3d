"""The learning rate as a function of the step alone. Imports no torch: the page draws it before a run starts."""


def learning_rate(step: int, total_steps: int, peak: float, schedule: str, warmup: float) -> float:
    """The rate for the step that follows `step` finished ones.

    linear_warmup_decay: from 0 to `peak` over the share `warmup` of all steps, then to 0, both linear (the shape of
    Smith and Topin 2018, arXiv:1708.07120, with the straight fall of cifar10-airbench). step: the same rise, then
    `peak`, a tenth of it from half of the steps on and a hundredth from three quarters on (He et al. 2015,
    arXiv:1512.03385, section 4.2: 32k and 48k of 64k). constant: `peak`.
    """
    if schedule == "constant":
        return peak
    rising = round(total_steps * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "step":
        return peak * 0.1 ** ((2 * step >= total_steps) + (4 * step >= 3 * total_steps))
    return peak * (total_steps - step) / (total_steps - rising)
