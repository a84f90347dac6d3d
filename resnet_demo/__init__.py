"""A page that trains a ResNet-50 on CIFAR-10, opens the network, and classifies pictures.

The layers, arrows pointing down: `ui` (what is seen, the only place that knows gradio) -> `inference` (what it
knows) and `training` (how it learns) -> `data` (what it learns from) -> `models` (what is learned). `files` stands
below them all. A run is a folder of files, `training/runs.py`: whoever trains writes it, whoever looks reads it.
"""

__version__ = "0.1.0"
