"""How well a checkpoint notices that an image is unlike anything it knows, by several scores.

    python -m benchmarks.unfamiliar CHECKPOINT [--data-dir DIR] [--images 2000]

Each score's threshold is set on the held-out images of the checkpoint's data, for a false alarm in 5 % of them; then it
is asked about as many test images (false alarms), and about digits, noise, textures and crops of photographs that show
none of the classes (noticed). The checkpoint is a CIFAR-10 run's, of which the held-out images are drawn again by the
run's settings, so give its --seed and --held-out where they are not the defaults. Prints the calibration error, too.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from resnet_demo.data.batches import Normalise, to_tensor
from resnet_demo.data.digits import load_digits
from resnet_demo.data.examples import out_of_distribution_examples
from resnet_demo.data.framing import SIZE, fit
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.data.splits import split
from resnet_demo.models.checkpoint import load_model
from resnet_demo.runs.metrics import expected_calibration_error
from resnet_demo.training.calibration import fit_temperature

Score = Callable[[Tensor, Tensor], Tensor]  # features (N, D), logits (N, classes) -> (N,)

FALSE_ALARMS = 0.05
BATCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where downloads are kept")
    parser.add_argument("--images", type=int, default=2000, help="test images, and at most of each foreign set")
    parser.add_argument("--seed", type=int, default=0, help="the run's")
    parser.add_argument("--held-out", type=int, default=2000, help="the run's validation_images")
    options = parser.parse_args()
    model, info = load_model(options.checkpoint)
    dataset = drain(load_dataset(info.data, options.data_dir, info.split))
    parts = split(dataset, options.seed, 0, options.held_out, options.images)
    normalise = Normalise(info.mean, info.std)
    held_out = answers(model, normalise, parts.validation.images)
    temperature = fit_temperature(held_out[1], parts.validation.labels)
    taught = answers(model, normalise, parts.train.images[: 4 * options.images])
    scores = make_scores(model.fc.weight.detach().double(), temperature, *taught, parts.train.labels[: len(taught[0])])

    sets = {"test images": parts.test.images, **foreign_sets(options.images)}
    found = {name: answers(model, normalise, images) for name, images in sets.items()}
    print(f"{info.arch}, epoch {info.epoch}, test accuracy {info.accuracy}, threshold on {len(held_out[0])} images")
    for divisor in (1.0, temperature):
        sure, answered = (found["test images"][1] / divisor).softmax(1).max(1)
        error = expected_calibration_error(sure.numpy(), (answered == parts.test.labels).numpy())
        print(f"temperature {divisor:.2f}: calibration error {100 * error:.1f} points on {len(sure):,} test images")
    print("score".ljust(24) + "".join(f"{name} ({len(images):,})".rjust(22) for name, images in sets.items()))
    scores["entropy or Mahalanobis"] = either(scores["entropy"], scores["Mahalanobis"], held_out)
    for name, score in scores.items():
        threshold = torch.quantile(score(*held_out), 1 - FALSE_ALARMS)
        shares = [(score(*found[of]) > threshold).double().mean().item() for of in sets]
        print(name.ljust(24) + "".join(f"{100 * share:.1f} %".rjust(22) for share in shares))


@torch.inference_mode()
def answers(model, normalise: Normalise, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features before the classifier (N, D) and logits (N, classes) of uint8 images, float64."""
    caught = []
    hook = model.fc.register_forward_hook(lambda module, given, result: caught.append((given[0], result)))
    for part in images.split(BATCH):
        model(normalise(part))
    hook.remove()
    features, logits = zip(*caught, strict=True)
    return torch.cat(features).double(), torch.cat(logits).double()


def make_scores(
    weight: Tensor, temperature: float, features: Tensor, logits: Tensor, labels: Tensor
) -> dict[str, Score]:
    """Each grows with how unlike the training images an image is."""
    means = torch.stack([features[labels == label].mean(0) for label in range(len(weight))])
    within = features - means[labels]
    eye = torch.eye(within.shape[1], dtype=within.dtype)
    inverse = torch.linalg.inv(within.T @ within / len(within) + 1e-6 * within.var() * eye)

    def mahalanobis(features: Tensor, logits: Tensor) -> Tensor:
        apart = features[:, None] - means
        return torch.einsum("ncd,de,nce->nc", apart, inverse, apart).min(1).values

    def cosine(a: Tensor, b: Tensor) -> Tensor:
        return torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T

    return {
        "1 - max softmax": lambda f, z: 1 - (z / temperature).softmax(1).max(1).values,
        "entropy": lambda f, z: torch.special.entr((z / temperature).softmax(1)).sum(1),
        "energy": lambda f, z: -z.logsumexp(1),
        "calibrated energy": lambda f, z: -(z / temperature).logsumexp(1),
        "-max logit": lambda f, z: -z.max(1).values,
        "nearest mean": lambda f, z: torch.cdist(f, means).min(1).values,
        "nearest mean, cosine": lambda f, z: -cosine(f, means).max(1).values,
        "nearest weight, cosine": lambda f, z: -cosine(f, weight).max(1).values,
        "-norm of features": lambda f, z: -f.norm(dim=1),
        "Mahalanobis": mahalanobis,
    }


def either(one: Score, other: Score, held_out: tuple[Tensor, Tensor]) -> Score:
    """How much rarer than both scores of the held-out images an image's rarer score is."""
    ordered = [score(*held_out).sort().values for score in (one, other)]

    def rank(features: Tensor, logits: Tensor) -> Tensor:
        scores = one(features, logits), other(features, logits)
        return torch.stack([torch.searchsorted(*pair) for pair in zip(ordered, scores, strict=True)]).amax(0).double()

    return rank


def foreign_sets(count: int) -> dict[str, Tensor]:
    """uint8 (N, 3, 32, 32) of what is none of CIFAR-10's classes, the same at each call."""
    random = np.random.default_rng(0)
    digits = drain(load_digits())
    return {
        "digits": torch.cat([digits.test_images, digits.train_images])[:count],
        "noise": to_tensor([noise(random) for _ in range(count // 2)]),
        "textures": to_tensor([texture(random) for _ in range(count // 2)]),
        "photographs": to_tensor(
            [crop(random, example.image) for example in out_of_distribution_examples() for _ in range(100)]
        ),
    }


def noise(random: np.random.Generator) -> Image.Image:
    """Of every coarseness: as it is, or blurred."""
    image = Image.fromarray(random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8))
    return image.filter(ImageFilter.GaussianBlur(float(random.choice([0.0, 0.7, 1.5, 3.0]))))


def texture(random: np.random.Generator) -> Image.Image:
    """Stripes, checks or dots of two colours, turned, of 3 to 16 pixels."""
    angle, period = random.uniform(0, np.pi), random.uniform(3, 16)
    y, x = np.mgrid[:SIZE, :SIZE]
    u = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period
    v = (y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period
    shape = [np.sin(u), np.sign(np.sin(u) * np.sin(v)), np.sin(u) * np.sin(v)][random.integers(3)]
    share = (shape[..., None] + 1) / 2
    colours = random.integers(0, 256, (2, 3))
    return Image.fromarray((share * colours[0] + (1 - share) * colours[1]).astype(np.uint8))


def crop(random: np.random.Generator, image: Image.Image) -> Image.Image:
    """A square of half to all of the shorter side."""
    side = int(min(image.size) * random.uniform(0.5, 1))
    left, top = (int(random.integers(0, length - side + 1)) for length in image.size)
    return fit(image.crop((left, top, left + side, top + side)))


if __name__ == "__main__":
    main()
