"""A network as one ONNX file that takes images as they are: normalisation and calibration are inside."""

from pathlib import Path

import torch
from torch import Tensor, nn

from resnet_demo.data.framing import SIZE
from resnet_demo.export.contract import ExportError, onnx_metadata
from resnet_demo.files import replace_file
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.flip_averaging import answer_logits

OPSET = 20  # what the exporter writes by itself, in the oldest torch that we take as in the newest
INPUT, OUTPUT = "images", "probabilities"


class Probabilities(nn.Module):
    """uint8 RGB (N, 3, 32, 32) -> float32 (N, classes), what `Classifier.probabilities` gives, as one graph."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.model, self.temperature = classifier.model, classifier.info.temperature
        self.flip_averaging = classifier.info.flip_averaging
        self.register_buffer("mean", 255 * torch.tensor(classifier.info.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(classifier.info.std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        normalised = (images.to(torch.float32) - self.mean) / self.std
        logits = answer_logits(self.model, normalised, self.model(normalised), self.flip_averaging)
        return (logits / self.temperature).softmax(1)


def export_onnx(checkpoint: Path, output: Path) -> None:
    """Write `output`: one file, float32, for any number of images.

    Raises CheckpointError for what is no checkpoint of ours, ExportError where a package is missing, OSError where the
    file cannot be written.
    """
    try:
        import onnxscript  # noqa: F401 - torch.onnx needs it, and says so late
        from onnx_ir.passes.common import ClearMetadataAndDocStringPass  # comes with it
    except ImportError as error:
        raise ExportError("An ONNX file needs one more package: pip install onnxscript") from error
    classifier = Classifier.from_file(checkpoint)
    example = torch.zeros(2, 3, SIZE, SIZE, dtype=torch.uint8)  # of one image the exporter would make a constant
    classifier.logits(example)  # says so where the answer is no number
    program = torch.onnx.export(
        Probabilities(classifier).eval(),
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is where a path is given
    ClearMetadataAndDocStringPass()(program.model)  # of each node where in which file its code stands on this machine
    program.model.metadata_props.update(onnx_metadata(classifier.info))
    replace_file(output, lambda temporary: temporary.write_bytes(program.model_proto.SerializeToString()))
