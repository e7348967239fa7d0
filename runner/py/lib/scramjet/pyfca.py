"""Where programs look for DropChunk."""

from ._chain import DropChunk

__all__ = ["DropChunk"]
