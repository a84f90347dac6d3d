"""One look for the whole page: system fonts (nothing is fetched), and two colours that carry meaning."""

from pathlib import Path

import gradio as gr

FONT = ["ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]

CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def page_theme() -> gr.themes.Base:
    """Gradio's default but for the fonts, and for hints and the first button dark enough to read: Gradio's own grey is
    2.6 : 1 on white, its white on blue 3.7 : 1."""
    theme = gr.themes.Default(
        primary_hue="blue", secondary_hue="orange", neutral_hue="slate", font=FONT, font_mono=MONO
    )
    return theme.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )
