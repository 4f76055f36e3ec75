"""From an entry of the catalogue to its engine; a tuned tail brings its trunk along."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

from graft.embedder.v1 import backbone_pb2
from graft.names import BackboneName
from services.common.backbones import catalogue
from services.common.backbones.catalogue import Cache
from services.common.store.base import Store
from services.embedder.engines.base import Engine, EngineOptions


class Loader:
    """Knows which trunks are in use, so that the tails of one share it. Used by one thread."""

    def __init__(self, store: Store, cache: Cache, options: EngineOptions) -> None:
        self._store = store
        self._cache = cache
        self._options = options
        self._trunks: WeakValueDictionary[tuple[str, str], Engine] = WeakValueDictionary()

    def load(self, backbone: backbone_pb2.Backbone, maps: bool) -> Engine:
        """The engine of vectors, or with `maps` that of maps.

        Raises NotFound (a tail whose trunk is gone), DataLoss, FailedPrecondition, Unavailable.
        """
        # Imported here: importing TensorFlow takes seconds, and the service answers meanwhile.
        from services.embedder.engines.choose import load_engine
        from services.embedder.engines.texts import load_text_engine
        from services.embedder.engines.tuned import load_tail

        folder, options = self._cache.fetch(backbone), self._options
        if backbone.trunk:
            return load_tail(folder, backbone, self._trunk(backbone), options=options, maps=maps)
        if backbone.modality == backbone_pb2.MODALITY_TEXT:
            return load_text_engine(folder, max_batch=options.max_batch, maps=maps)
        height, width = backbone.input_size
        return load_engine(
            folder, height=height, width=width, options=options, name=backbone.name, maps=maps
        )

    def _trunk(self, backbone: backbone_pb2.Backbone) -> Engine:
        from services.embedder.engines.tuned import cut_of, load_trunk

        name, cut = BackboneName.parse(backbone.trunk), cut_of(backbone)
        engine = self._trunks.get((name.digest, cut))
        if engine is None:
            engine = load_trunk(self._folder(name), backbone, options=self._options)
            self._trunks[name.digest, cut] = engine
        return engine

    def _folder(self, name: BackboneName) -> Path:
        return self._cache.fetch(catalogue.find(self._store, name))
