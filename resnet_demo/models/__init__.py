"""What is learned: the blocks, the ResNet family, and a description measured from the real modules."""
