"""Which part an image of a folder belongs to, by its name: the same whatever other images come or go.

By the custom of hashing a file's name (as TensorFlow's image tutorials do): a place in a sorted list would move with
every image that comes, and what was tested yesterday would be trained on today. No torch here.
"""

import hashlib
from unicodedata import normalize

import numpy as np

_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # of splitmix64 (Steele 2014)


def image_id(class_name: str, file_name: str) -> int:
    """64 bits that follow from the class and the file's name alone."""
    name = f"{class_name}/{normalize('NFC', file_name)}"
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def draw(ids: np.ndarray, *key: int | str) -> np.ndarray:
    """A number of 64 bits for each image, (N,) uint64, evenly spread; another for each key."""
    mixed = ids.view(np.uint64) ^ np.uint64(image_id("", repr(key)))
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * multiplier
    return mixed ^ (mixed >> np.uint64(31))


def lowest_share(drawn: np.ndarray, share: float) -> np.ndarray:
    """Which of the drawn numbers fall into this share of all there can be: bool (N,)."""
    return drawn < np.uint64(share * 2**64)
