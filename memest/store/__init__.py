"""Score sheets and where their bytes live."""

from memest.store.blobs import Blobs, LocalBlobs
from memest.store.manifest import Header, Manifest
from memest.store.sheet import SheetReader
from memest.store.writer import SheetWriter, block_span

__all__ = ["Blobs", "Header", "LocalBlobs", "Manifest", "SheetReader", "SheetWriter", "block_span"]
