"""Integer noise on a GPU. Loaded only by the skorch backend, for a net on a CUDA device."""

from .source import CudaSource

__all__ = ["CudaSource"]
