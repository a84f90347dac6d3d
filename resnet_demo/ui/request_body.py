"""A request's body, as far as it is taken: no longer than it may be, and no slower."""

import asyncio

from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from resnet_demo.language import t
from resnet_demo.ui.request_head import Refusal

BODY_TIMEOUT_S = 300.0
CHUNK_BYTES = 65_536  # Gradio remembers something for each chunk of an upload: bodies sent byte by byte are gathered


class BodyError(MultiPartException):
    """A body that is not taken any further. What Gradio's parser of uploads takes for damaged, so that it removes what
    it has written of them."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = Refusal(status, sentence)


class Body:
    """A request's body, as far as it is taken."""

    def __init__(self, receive: Receive, most_bytes: int) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._taken = 0
        self._deadline = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
        self._ended = False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """Raises BodyError for a body that is too long, comes too slowly or breaks off."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._next()
        except TimeoutError as error:
            late = t("The request took longer than {limit} s to arrive.", limit=f"{BODY_TIMEOUT_S:.0f}")
            raise self._refused(408, late) from error

    async def _next(self) -> Message:
        gathered = bytearray()
        while not self._ended and len(gathered) < CHUNK_BYTES:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                if not self._taken and not gathered:
                    self._ended = True
                    return message
                raise self._refused(400, t("The request broke off."))
            gathered += message.get("body", b"")
            self._ended = not message.get("more_body", False)
            if self._taken + len(gathered) > self._most_bytes:
                raise self._refused(413, too_long(self._most_bytes))
        self._taken += len(gathered)
        return {"type": "http.request", "body": bytes(gathered), "more_body": not self._ended}

    def _refused(self, status: int, sentence: str) -> BodyError:
        self._ended = True
        error = BodyError(status, sentence)
        self.refusal = error.refusal
        return error


def too_long(most_bytes: int) -> str:
    return t("The request is too long; the limit is {limit} MB.", limit=f"{most_bytes / 2**20:.0f}")
