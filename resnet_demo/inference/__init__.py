"""What it knows: ranked classes for an image, from the newest checkpoint."""
