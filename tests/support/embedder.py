"""An embedder without a network in it: the whole service over a vector made from the bytes.

It keeps the contract of the real one (same protos, errors and limits; real image decoding), counts
what it embeds, and can be slowed, stopped and started again at the same address.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, info_service_pb2, tensor_pb2, timing_pb2
from graft.content import Problem
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import GraftError, InvalidArgument, NotFound, ResourceExhausted
from graft.names import BackboneName
from graft.tensors import to_tensor
from services.common import image, telemetry
from services.common.paging import take_page
from services.common.server import Servable, Server
from services.embedder import views

NAME = "graft_small_96"
DIM = 256
MAX_ITEMS = 256
SPATIAL = "stride16"
BLIND = "blind"
"""A backbone of this name sees no colours, and so cannot tell the classes apart."""
MAP_SHAPE = (4, 4, 3)
_DTYPES: dict[int, type[np.floating[Any]]] = {
    tensor_pb2.DATA_TYPE_UNSPECIFIED: np.float32,
    tensor_pb2.DATA_TYPE_FLOAT32: np.float32,
    tensor_pb2.DATA_TYPE_FLOAT16: np.float16,
}
_Asked = pb.EmbedRequest | pb.EmbedStreamRequest


def vector_of(data: bytes, dim: int = DIM, view: str = "") -> NDArray[np.float32]:
    """float32 [dim]: the mean colour, which tells classes apart, and noise from the digest."""
    pixels = np.asarray(views.find(view)(image.decode_picture(data, size_hint=(8, 8))))
    seed = np.frombuffer(hashlib.sha256(data + view.encode()).digest(), np.uint32)
    vector = np.random.default_rng(seed).normal(0, 0.02, dim).astype(np.float32)
    vector[:3] += pixels.reshape(-1, 3).mean(axis=0) / 255
    return vector


def vector_of_text(data: bytes, dim: int = DIM) -> NDArray[np.float32]:
    """float32 [dim]: the sum of a vector for each word, and noise from the digest."""
    vector = np.zeros(dim, np.float32)
    for part in (*data.lower().split(), data):
        seed = np.frombuffer(hashlib.sha256(part).digest(), np.uint32)
        scale = 0.05 if part is data else 1.0
        vector += np.random.default_rng(seed).normal(0, scale, dim).astype(np.float32)
    return vector


def map_of(data: bytes, view: str = "") -> NDArray[np.float32]:
    """float32 [4, 4, 3]: the colours of a grid of places."""
    picture = views.find(view)(image.decode_picture(data, size_hint=(8, 8)))
    return np.asarray(picture.resize(MAP_SHAPE[:2]), np.float32) / np.float32(255)


def make_text_backbone(name: str = "minilm", dim: int = DIM) -> backbone_pb2.Backbone:
    """A catalogue entry of a backbone for texts, with an endpoint before the last."""
    return backbone_pb2.Backbone(
        name=f"backbones/{name}",
        digest=hashlib.sha256(f"{name} {dim}".encode()).hexdigest(),
        modality=backbone_pb2.MODALITY_TEXT,
        endpoints=[
            backbone_pb2.Endpoint(name="default", shape=[dim], dim=dim),
            backbone_pb2.Endpoint(name="layer_1", shape=[dim // 2], dim=dim // 2),
        ],
        origin="tests",
    )


def make_backbone(
    name: str = NAME, dim: int = DIM, *, spatial: bool = False
) -> backbone_pb2.Backbone:
    """A catalogue entry; its digest is that of its name and size. With `spatial` it has a second
    endpoint, `stride16`, which is a feature map.
    """
    backbone = backbone_pb2.Backbone(
        name=f"backbones/{name}",
        digest=hashlib.sha256(f"{name} {dim}".encode()).hexdigest(),
        modality=backbone_pb2.MODALITY_IMAGE,
        input_size=[96, 96],
        preprocessing="resize(96,96,bilinear)|scale(0,1)",
        endpoints=[backbone_pb2.Endpoint(name="default", shape=[dim], dim=dim)],
        origin="tests",
    )
    if spatial:
        backbone.endpoints.add(name=SPATIAL, shape=MAP_SHAPE, dim=MAP_SHAPE[-1])
    return backbone


class FakeServicer(embedder_service_pb2_grpc.EmbedderServiceServicer):
    """Owns the counts. `delay_s` is slept for each batch; files in `refused` are called bad."""

    def __init__(self, backbones: Sequence[backbone_pb2.Backbone]) -> None:
        self._backbones = {backbone.name: backbone for backbone in backbones}
        self.reset()

    def reset(self) -> None:
        """Forget what was counted and set."""
        self.embedded: list[bytes] = []
        self.called_for: set[str] = set()  # request ids
        self.delay_s = 0.0
        self.refused: set[bytes] = set()

    async def Embed(self, request: pb.EmbedRequest, context: Any) -> pb.EmbedResponse:
        """All or nothing."""
        _check_count(request.items)
        dtype = _dtype(request.dtype)
        backbone = self._find(request.backbone)
        images = [_data(backbone, one, f"items[{i}]") for i, one in enumerate(request.items)]
        rows = self._rows(backbone, images, request)
        await asyncio.sleep(self.delay_s)
        self.called_for.add(telemetry.request_id())
        view = request.view.encode()
        self.embedded += [hashlib.sha256(data + view).digest() for data in images]
        return pb.EmbedResponse(
            outputs=[
                pb.EndpointVectors(endpoint=name, vectors=to_tensor(found.astype(dtype)))
                for name, found in rows.items()
            ],
            backbone_digest=backbone.digest,
            timings=[timing_pb2.StageTiming(stage=s) for s in ("decode", "queue", "device")],
        )

    async def EmbedStream(
        self, request_iterator: AsyncIterator[pb.EmbedStreamRequest], context: Any
    ) -> AsyncIterator[pb.EmbedStreamResponse]:
        """Each item on its own; the first message settles what is asked."""
        first: pb.EmbedStreamRequest | None = None
        async for request in request_iterator:
            first = first or request
            yield self._stream_answer(first, request)

    async def GetBackbone(
        self, request: pb.GetBackboneRequest, context: Any
    ) -> pb.GetBackboneResponse:
        """One entry."""
        return pb.GetBackboneResponse(backbone=self._find(request.name, "name"), engine="fake")

    async def ListBackbones(
        self, request: pb.ListBackbonesRequest, context: Any
    ) -> pb.ListBackbonesResponse:
        """By name."""
        names = sorted(self._backbones)
        page, token = take_page(names, str, size=request.page_size, token=request.page_token)
        found = [self._backbones[name] for name in page]
        return pb.ListBackbonesResponse(backbones=found, next_page_token=token)

    async def LoadBackbone(
        self, request: pb.LoadBackboneRequest, context: Any
    ) -> pb.LoadBackboneResponse:
        """Always loaded."""
        return pb.LoadBackboneResponse(backbone=self._find(request.name, "name"), engine="fake")

    def _stream_answer(
        self, first: pb.EmbedStreamRequest, request: pb.EmbedStreamRequest
    ) -> pb.EmbedStreamResponse:
        backbone = self._find(first.backbone)
        answer = pb.EmbedStreamResponse(id=request.id, backbone_digest=backbone.digest)
        views.find(first.view)
        _endpoints(backbone, first)
        dtype = _dtype(first.dtype)
        try:
            rows = self._rows(backbone, [_data(backbone, request.item, "item")], first)
        except GraftError as error:
            answer.problem.CopyFrom(Problem.from_error(error).to_proto())
            return answer
        for name, found in rows.items():
            answer.outputs.add(endpoint=name, vectors=to_tensor(found[0].astype(dtype)))
        return answer

    def _rows(
        self, backbone: backbone_pb2.Backbone, images: list[bytes], asked: _Asked
    ) -> dict[str, NDArray[np.float32]]:
        views.find(asked.view)
        return {
            name: np.stack(
                [self._row(backbone, name, data, i, asked) for i, data in enumerate(images)]
            )
            for name in _endpoints(backbone, asked)
        }

    def _row(
        self, backbone: backbone_pb2.Backbone, name: str, data: bytes, index: int, asked: _Asked
    ) -> NDArray[np.float32]:
        (dim,) = [endpoint.dim for endpoint in backbone.endpoints if endpoint.name == name]
        try:
            if data in self.refused:
                raise InvalidArgument("an image is damaged", reason="IMAGE_UNDECODABLE")
            if backbone.modality == backbone_pb2.MODALITY_TEXT:
                return vector_of_text(data, dim)
            if name != SPATIAL:
                vector = vector_of(data, dim, asked.view)
                if BackboneName.parse(asked.backbone).backbone == BLIND:
                    vector[:3] = 0
                return vector
            found = map_of(data, asked.view)
            return found if asked.maps else np.asarray(found.mean(axis=(0, 1)))
        except (InvalidArgument, ResourceExhausted) as error:
            raise type(error)(
                f"items[{index}]: {error.message}",
                reason=error.reason,
                field=f"items[{index}].image",
                metadata={**error.metadata, "index": str(index)},
            ) from error

    def _find(self, text: str, field: str = "backbone") -> backbone_pb2.Backbone:
        try:
            name = BackboneName.parse(text)
        except InvalidArgument as error:
            error.field = field
            raise
        found = self._backbones.get(f"backbones/{name.backbone}")
        if found is None or name.digest not in ("", found.digest):
            raise NotFound(f"no backbone {text}. Received: {text!r}", metadata={"name": text})
        return found


def _check_count(contents: Sequence[content_pb2.Content]) -> None:
    if not contents:
        raise InvalidArgument("items must hold 1 or more items; got none", field="items")
    if len(contents) > MAX_ITEMS:
        raise ResourceExhausted(
            f"a request may hold {MAX_ITEMS} items; got {len(contents)}",
            reason="REQUEST_TOO_LARGE",
            field="items",
            metadata={"limit": str(MAX_ITEMS), "unit": "items"},
        )


def _data(backbone: backbone_pb2.Backbone, content: content_pb2.Content, field: str) -> bytes:
    """The bytes of an item of the kind that the backbone reads."""
    kinds = [each.name for each, _ in content.ListFields()]
    wanted = "text" if backbone.modality == backbone_pb2.MODALITY_TEXT else "image"
    if not kinds:
        raise InvalidArgument(f"{field}: an item must have an image or a text", field=field)
    if kinds != [wanted]:
        text = f"{field}: this backbone reads {wanted}s alone; got {' and '.join(kinds)}"
        raise InvalidArgument(text, reason="MODALITY_MISMATCH", field=field)
    return content.text.encode() if wanted == "text" else content.image


def _dtype(asked: int) -> type[np.floating[Any]]:
    if asked not in _DTYPES:
        raise InvalidArgument(f"dtype must be float32 or float16; got {asked}", field="dtype")
    return _DTYPES[asked]


def _endpoints(backbone: backbone_pb2.Backbone, asked: _Asked) -> list[str]:
    wanted = list(dict.fromkeys(asked.endpoints)) or ["default"]
    known = {each.name for each in backbone.endpoints if len(each.shape) == 3 or not asked.maps}
    for index, name in enumerate(wanted):
        if name not in known:
            text = f"the backbone has these endpoints: {sorted(known)}; got {name!r}"
            raise InvalidArgument(text, field=f"endpoints[{index}]")
    return wanted


class FakeEmbedder:
    """Owns a thread with an event loop and the server in it; a context manager."""

    def __init__(
        self,
        *,
        dim: int = DIM,
        listen: str = "127.0.0.1:0",
        spatial: bool = False,
        more: Sequence[backbone_pb2.Backbone] = (),
    ) -> None:
        self.backbone = make_backbone(dim=dim, spatial=spatial)
        self.servicer = FakeServicer([self.backbone, *more])
        self._listen = listen
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-embedder")
        self._server: Server | None = None

    @property
    def address(self) -> str:
        """The host:port; stays the same over `stop` and `start`."""
        return self._listen

    def start(self) -> None:
        """Serve."""
        self._server = self._run(self._start())
        self._listen = self._server.address

    def stop(self) -> None:
        """Cut everything off, as kill -9 would."""
        if self._server is not None:
            self._run(self._server.stop(0))
            self._server = None

    def wait_for(self, items: int, timeout_s: float = 20.0) -> None:
        """Wait until so many items were embedded."""
        deadline = time.monotonic() + timeout_s
        while len(self.servicer.embedded) < items:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.servicer.embedded)} of {items} items embedded")
            time.sleep(0.005)

    async def _start(self) -> Server:
        add = embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server
        info = info_service_pb2.GetServerInfoResponse(
            service="embedder",
            max_message_bytes=MAX_MESSAGE_BYTES,
            max_items_per_request=MAX_ITEMS,
            max_image_bytes=image.DEFAULT_LIMITS.max_bytes,
            max_image_pixels=image.DEFAULT_LIMITS.max_pixels,
        )
        servable = Servable("graft.embedder.v1.EmbedderService", self.servicer, add)
        server = Server(listen=self._listen, servables=[servable], info=info)
        await server.start()
        await server.health.set(True)
        return server

    def _run(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(10)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
