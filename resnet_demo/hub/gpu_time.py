"""How much time on ZeroGPU somebody has left, as Hugging Face tells who has signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resnet_demo.files import is_number
from resnet_demo.hub.space import HubError, unanswered
from resnet_demo.language import t

PATH = "/api/spaces/zero-gpu/quota"
SCOPE = "read-billing"  # of the sign-in, without which it is told nobody
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class GpuTime:
    """`left_s` of `whole_s`; whole again at `back_at` (Unix seconds), None where nothing of it is used."""

    left_s: float
    whole_s: float
    back_at: float | None


def gpu_time(token: str) -> GpuTime:
    """Of whom the token stands for. Raises HubError with a sentence in the visitor's language."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session

    headers = build_hf_headers(token=token)
    try:
        answer = get_session().get(f"{constants.ENDPOINT}{PATH}", headers=headers, timeout=TIMEOUT_S)
    except unanswered() as error:
        raise HubError(
            t("Hugging Face cannot be reached, so your GPU time is not known. Reload to try again.")
        ) from error
    if answer.status_code in (401, 403):
        sentence = t("Hugging Face does not tell this page your GPU time. Sign out, sign in again, and allow it.")
        raise HubError(sentence)
    try:
        return _read(answer.json())
    except ValueError as error:
        code = answer.status_code
        raise HubError(t("Hugging Face's answer about your GPU time is not understood ({code}).", code=code)) from error


def _read(said: Any) -> GpuTime:
    """Raises ValueError."""
    if not isinstance(said, dict) or not is_number(said.get("current")) or not is_number(said.get("base")):
        raise ValueError("no GPU time")
    back = said.get("resetsAt")
    back_at = datetime.fromisoformat(back).timestamp() if isinstance(back, str) else None
    return GpuTime(max(0.0, float(said["current"])), float(said["base"]), back_at)
