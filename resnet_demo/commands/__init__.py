"""What the page does, from a terminal: one module for each kind of command. `resnet_demo.cli` puts them together."""
