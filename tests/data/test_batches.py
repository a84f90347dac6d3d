"""Batches are functions of (seed, epoch, step), and augmentation moves pixels without inventing any."""

import pytest
import torch
from PIL import Image
from torch.nn import functional

from resnet_demo.data.batches import (
    Augment,
    LabelledImages,
    Normalise,
    _send,
    draw_epoch,
    make_batch,
    seeded,
    to_tensor,
)
from resnet_demo.data.splits import split

KEEP = Normalise((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))  # float32 values 0..255


@pytest.fixture
def labelled():
    """70 images that carry their label in every pixel's first channel."""
    labels = torch.arange(70)
    images = torch.randint(0, 256, (70, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    images[:, 0] = labels[:, None, None].to(torch.uint8)
    return LabelledImages(images, labels)


SIZE = (32, 32)


def epoch(labelled, augment=None, seed=0, number=1, first=0, shard=slice(None)):
    augment = augment or Augment(0, False)
    drawn = draw_epoch(labelled, 16, augment, seed=seed, epoch=number, first_batch=first, shard=shard)
    return [make_batch(labelled, batch, augment, KEEP) for batch in drawn]


def augmented(labelled, augment, count, normalise=KEEP):
    """The first `count` images, each augmented once."""
    return augment(labelled.images, augment.draw(torch.arange(count), SIZE, seeded("test")), normalise)


def test_an_epoch_shows_each_image_once_and_leaves_the_rest_out(labelled):
    labels = torch.cat([labels for _, labels in epoch(labelled)])
    assert len(labels) == 64 and len(set(labels.tolist())) == 64


def test_images_and_labels_stay_together(labelled):
    for images, labels in epoch(labelled, Augment(4, True)):
        assert torch.equal(images[:, 0, 5, 7], labels.float())


def test_batches_are_channels_last_float32(labelled):
    images, _ = epoch(labelled)[0]
    assert images.dtype == torch.float32 and images.is_contiguous(memory_format=torch.channels_last)


def test_continuing_in_mid_epoch_gives_the_same_batches(labelled):
    whole, rest = epoch(labelled, Augment(4, True)), epoch(labelled, Augment(4, True), first=2)
    for (images, labels), (expected, expected_labels) in zip(rest, whole[2:], strict=True):
        assert torch.equal(images, expected) and torch.equal(labels, expected_labels)


def test_epochs_and_seeds_differ(labelled):
    first = epoch(labelled)[0][1]
    assert not torch.equal(first, epoch(labelled, number=2)[0][1])
    assert not torch.equal(first, epoch(labelled, seed=1)[0][1])


def test_no_augmentation_leaves_images_as_they_are(labelled):
    images, labels = epoch(labelled)[0]
    assert torch.equal(images, labelled.images[labels].float())


def test_augmented_images_are_windows_of_the_reflected_image(labelled):
    chosen = torch.arange(20)
    padded = functional.pad(labelled.images[chosen].float(), (4, 4, 4, 4), mode="reflect")
    shifts = set()
    for image, source in zip(augmented(labelled, Augment(4, True), 20), padded, strict=True):
        found = [
            (top, left, flipped)
            for top in range(9)
            for left in range(9)
            for flipped in (False, True)
            if torch.equal(image, window(source, top, left, flipped))
        ]
        assert len(found) == 1
        shifts.add(found[0])
    assert len({flipped for *_, flipped in shifts}) == 2 and len(shifts) > 10


def window(source, top, left, flipped):
    shifted = source[:, top : top + 32, left : left + 32]
    return shifted.flip(2) if flipped else shifted


def test_cutout_makes_one_whole_square_of_the_mean_colour_in_each_image(labelled):
    labelled.images.clamp_(min=1)  # so that 0 is no pixel's value
    plain, cut = augmented(labelled, Augment(4, True), 70), augmented(labelled, Augment(4, True, 8), 70)
    corners = set()
    for image, source in zip(cut, plain, strict=True):
        gone = (image == 0).all(0)
        rows, columns = gone.any(1).nonzero().flatten(), gone.any(0).nonzero().flatten()
        top, left = int(rows[0]), int(columns[0])
        assert rows.tolist() == list(range(top, top + 8)) and columns.tolist() == list(range(left, left + 8))
        assert gone.sum() == 64 and torch.equal(image[:, ~gone], source[:, ~gone])
        corners.add((top, left))
    assert len(corners) > 40 and max(map(max, corners)) > 20 and min(map(min, corners)) < 4


def test_cutting_nothing_out_draws_what_was_always_drawn(labelled):
    """The numbers of an image's shift and flip come first, and are those of runs before there was cutout."""
    generator = seeded(0, "augment", 1, 0)
    shift, flipped = torch.randint(9, (2, 16, 1), generator=generator) - 4, torch.rand(16, 1, generator=generator) < 0.5
    for cutout in (0, 8):
        drawn = draw_epoch(labelled, 16, Augment(4, True, cutout), seed=0, epoch=1)[0]
        assert torch.equal(drawn.shift, shift.squeeze(2).T) and torch.equal(drawn.flipped, flipped.squeeze(1).long())


def test_digits_are_never_mirrored(labelled):
    assert torch.equal(augmented(labelled, Augment(0, False), 70), labelled.images.float())


def test_normalised_training_images_have_mean_zero_and_deviation_one(labelled):
    values = labelled.images.float() / 255
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3), correction=0)
    images = Normalise(tuple(mean.tolist()), tuple(std.tolist()))(labelled.images)
    torch.testing.assert_close(images.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(images.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_held_out_images_are_never_trained_on(tiny_dataset):
    parts = split(tiny_dataset, seed=0, train_images=100, validation_images=2000)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (90, 10, 30)
    trained = {image.numpy().tobytes() for image in parts.train.images}
    assert not trained & {image.numpy().tobytes() for image in parts.validation.images}


def test_splits_depend_on_the_seed_alone(tiny_dataset):
    first, again, other = (split(tiny_dataset, seed, validation_images=10) for seed in (0, 0, 1))
    assert torch.equal(first.validation.images, again.validation.images)
    assert not torch.equal(first.validation.images, other.validation.images)


def test_nothing_is_held_out_where_nothing_is_asked_for(tiny_dataset):
    assert len(split(tiny_dataset, seed=0, validation_images=0).validation) == 0


@pytest.mark.parametrize("processes", [2, 3])
def test_the_shards_of_a_batch_are_its_images_augmented_as_for_one(labelled, processes):
    def shard(rank):
        share = slice(rank, None, processes)
        return epoch(labelled, Augment(4, True, 8), first=1, shard=share)

    shards = [shard(rank) for rank in range(processes)]
    for (images, labels), *parts in zip(epoch(labelled, Augment(4, True, 8), first=1), *shards, strict=True):
        for rank, (ours, our_labels) in enumerate(parts):
            assert torch.equal(ours, images[rank::processes]) and torch.equal(our_labels, labels[rank::processes])


def test_cuda_fetches_indices_from_pinned_memory():
    class Numbers:
        """Stands for a tensor, since pinning memory takes a GPU."""

        def __init__(self):
            self.said = []

        def pin_memory(self):
            self.said.append("pinned")
            return self

        def to(self, device, non_blocking=False):
            self.said.append((device.type, non_blocking))
            return self

    assert _send(Numbers(), torch.device("cuda")).said == ["pinned", ("cuda", True)]
    assert _send(Numbers(), torch.device("cpu")).said == [("cpu", False)]


def test_images_become_a_tensor_of_their_bytes():
    image = Image.linear_gradient("L").resize((32, 32)).convert("RGB")
    image.putpixel((7, 5), (1, 2, 3))
    tensor = to_tensor([image, image])
    assert (tensor.shape, tensor.dtype) == ((2, 3, 32, 32), torch.uint8)
    assert tuple(tensor[0, :, 5, 7].tolist()) == (1, 2, 3)
