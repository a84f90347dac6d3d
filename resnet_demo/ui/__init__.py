"""What is seen: the only package that imports gradio, and in `figures` matplotlib."""
