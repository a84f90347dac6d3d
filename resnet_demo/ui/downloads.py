"""Files that the page makes for a person to download."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.ui.uploads import Uploads

# What a hidden `gr.DownloadButton` was given is saved at once: a visible one would take a second click.
DOWNLOAD = """
(file) => {
  if (!file) return;
  const link = Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name});
  link.click();
}
"""


def written(button: gr.DownloadButton, name: str, write: Callable[[Path], object]) -> str:
    """Let `write(path)` make the file where Gradio serves downloads from, and removes them after a while. Raises
    gr.Error with a sentence, also where the disk has no room."""
    cache = Path(button.GRADIO_CACHE)
    title = t("Not exported")
    try:
        Uploads(cache).make_room()  # whoever looks at the page may ask for one after the other
        path = Path(tempfile.mkdtemp(dir=cache)) / name
        write(path)
    except UserError as error:
        raise gr.Error(str(error), title=title, print_exception=False) from error
    except OSError as error:
        problem = t("The file could not be written ({reason}). Check the disk.", reason=error.strerror)
        raise gr.Error(problem, title=title, print_exception=False) from error
    return str(path)
