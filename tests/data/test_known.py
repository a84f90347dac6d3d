"""What is known of the data sets before they are there is what they turn out to be."""

from torchvision.datasets import CIFAR10 as TorchvisionCifar10

from resnet_demo.data.known import CIFAR10, DIGITS, data_label
from resnet_demo.data.sources import drain, load_dataset


def test_the_digits_are_as_known(tmp_path):
    digits = drain(load_dataset("digits", tmp_path))
    assert digits.classes == DIGITS.classes
    assert (len(digits.train_labels), len(digits.test_labels)) == (DIGITS.train_images, DIGITS.test_images)


def test_cifar10s_files_are_those_that_torchvision_fetches():
    assert (CIFAR10.archive, CIFAR10.unpacked) == (TorchvisionCifar10.filename, TorchvisionCifar10.base_folder)


def test_what_there_is_to_fetch_ends_with_the_archive_or_its_folder(tmp_path):
    assert CIFAR10.download_bytes(tmp_path) == CIFAR10.archive_bytes and DIGITS.download_bytes(tmp_path) == 0
    (tmp_path / CIFAR10.archive).touch()
    assert CIFAR10.download_bytes(tmp_path) == 0
    (tmp_path / CIFAR10.archive).unlink()
    (tmp_path / CIFAR10.unpacked).mkdir()
    assert CIFAR10.download_bytes(tmp_path) == 0


def test_a_folder_is_called_by_its_name_alone():
    assert data_label("folder:/srv/secret/flowers/") == "flowers" and data_label("cifar10") == "CIFAR-10"
