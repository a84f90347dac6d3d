"""Images on their way into the page and out of it. Imports neither gradio nor torch."""

import base64
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from resnet_demo.data.decoder import DecodedImage, load_image
from resnet_demo.data.headers import ImageError
from resnet_demo.language import t


def uploaded_image(upload: Any, kept_in: str, trim: bool = True) -> DecodedImage:
    """The image that a request brings, which Gradio keeps in the folder `kept_in`, as a network sees images; with
    `trim` without a wide uniform border.

    Raises ImageError for what is no image, and for any other path: Gradio checks only requests that carry its
    'meta' mark, so that without it a request could name every file of the server.
    """
    path = upload.get("path") if isinstance(upload, dict) else None
    if not isinstance(path, str) or "\0" in path:
        raise ImageError(t("There is no uploaded image. Choose one."))
    file = Path(os.path.realpath(path))
    if not file.is_relative_to(os.path.realpath(kept_in)):
        raise ImageError(t("This file was not uploaded here. Upload the image itself."))
    return load_image(file, trim)


def data_url(image: Image.Image, kind: str = "png", **how: Any) -> str:
    """The image inside the page itself: nothing is left on the server's disk, and no path of it is told. `how` goes to
    Pillow, as `quality`."""
    file = io.BytesIO()
    image.save(file, kind, **how)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
