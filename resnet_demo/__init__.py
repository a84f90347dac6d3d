"""A page that trains a ResNet-50 on CIFAR-10, opens the network, and classifies images.

The rooms, arrows pointing down: `cli` and `ui` (what is seen; `ui` alone knows gradio) -> `inference` (what a network
knows) and `workers` (the processes that train) -> `training` (how it learns) -> `runs` (what is on disk, without
torch) -> `data` (what it learns from) -> `models` (what is learned). `files`, `text` and `errors` stand below them
all. A run is a folder of files, `runs/directory.py`: whoever trains writes it, whoever looks reads it.
"""

__version__ = "0.2.0"
