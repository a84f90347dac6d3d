"""What it learns from: images as uint8 tensors, batches made on the device, uploads under limits."""
