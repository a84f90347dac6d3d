"""What it knows: ranked classes for a picture, from the newest checkpoint."""
