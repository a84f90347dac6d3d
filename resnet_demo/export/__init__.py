"""What a network goes elsewhere as: weights with torchvision's names, an ONNX file, a folder for the Hub."""
