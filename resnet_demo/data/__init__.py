"""What it learns from: pictures as uint8 tensors, batches made on the device, uploads under limits."""
