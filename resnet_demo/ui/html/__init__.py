"""What is shown, as pure functions from plain data to HTML and SVG. No module here imports gradio or torch."""
