"""Hugging Face: a Space with this app. The only package that imports huggingface_hub."""
