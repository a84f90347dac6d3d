"""Hugging Face: a Space with this app, runs in model repositories. The only package that imports huggingface_hub."""
