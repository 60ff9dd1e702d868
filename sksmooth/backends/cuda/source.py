"""Noisy rows on a CUDA device: the same, bit for bit, as on the processor.

torch and Triton are imported where they are used: only nets load them.
"""

import contextlib
import dataclasses
import functools
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...exceptions import SpeedWarning
from ...noise import IntegerGaussian, Noise
from ...noise.samplers import FineNormal, RoundedNormal
from ...noise.samplers import cells as fine
from ...noise.samplers import rounded as coarse
from ...noise.streams import Philox, Purpose, block_rows
from ..base import Source

__all__ = ["CudaSource"]

_TILE = 2048  # values that one program looks up
_LANES = 64  # of them that it looks up again at a time; mostly there are fewer
_CANDIDATES = 512  # that one program draws at a time


class CudaSource(Source):
    """Makes noisy rows on the device on which they are needed.

    Integer noise on Philox is drawn there. First a little of it is compared with what the processor
    draws; if it differs or cannot be drawn, a warning says so. Such noise, and other noise and
    streams, is drawn on the processor and sent.

    Parameters
    ----------
    noise : Noise
        What to draw.
    stream : str
        Name of the generator of random bits, among `sksmooth.noise.streams.GENERATORS`.
    device : torch.device
        Where to.
    """

    def __init__(self, noise: Noise, stream: str, device: Any) -> None:
        super().__init__(noise, stream)
        self.device = device
        known = stream == "philox" and isinstance(noise, IntegerGaussian)
        self._exact: Any = noise if known else None
        self._kernels: _Kernels | None = None

    def empty(self, n: int, like: NDArray[np.floating]) -> Any:
        """Return room for n rows of the shape and precision of the rows `like`."""
        import torch

        return torch.empty((n, *like.shape[1:]), dtype=_dtype(like), device=self.device)

    def prepare(self, row: NDArray[np.floating]) -> None:
        """Name the row around which to draw from now on."""
        super().prepare(row)
        self._kernels = None
        # rows with missing values are drawn by the processor
        known = self._exact is not None and hasattr(self._perturb, "sampler")
        if known and block_rows(row.size) * row.size < 2**31:
            is_fine = isinstance(self._perturb.sampler, FineNormal)
            if _agrees(self._exact, is_fine, row.dtype.name, self.device):
                self._kernels = _Kernels(self._exact, self._perturb, self.device)

    def fill(self, key: NDArray[np.uint64], block: int, purpose: Purpose, out: Any) -> None:
        """Fill `out` with the draws of a block of the row's and, if it has room, of the next."""
        if self._kernels is not None:
            self._kernels.fill(key, block, purpose, out)
            return
        import torch

        # torch gives pinned memory to nobody else before it has been sent
        drawn = torch.empty(out.shape, dtype=out.dtype, pin_memory=self.device.type == "cuda")
        for number, part in enumerate(drawn.split(block_rows(out[0].numel()))):
            super().fill(key, block + number, purpose, part.numpy())
        out.copy_(drawn, non_blocking=True)


class _Kernels:
    """Draws around one row; `total` is what `IntegerGaussian.around` has made of it."""

    def __init__(self, noise: IntegerGaussian, total: Any, device: Any) -> None:
        self.device = device
        self.is_fine = isinstance(total.sampler, FineNormal)
        self.tables = _tables(noise, total.sampler, device)
        self.row = _send(total.row.astype(np.int64).ravel(), device)
        self.odd = 1
        if self.is_fine:
            self.odd = 0 if noise.levels is None else noise._odd

    def fill(self, key: NDArray[np.uint64], block: int, purpose: Purpose, out: Any) -> None:
        """Fill `out` by a few launches; nothing waits for the device."""
        import torch

        from . import kernels

        n, width = out.numel(), self.row.numel()
        block_values = block_rows(width) * width
        blocks, tiles = -(-n // block_values), -(-min(n, block_values) // _TILE)
        unsure = torch.empty(blocks * tiles * _TILE, dtype=torch.int32, device=self.device)
        counts = torch.empty(blocks * tiles, dtype=torch.int32, device=self.device)
        accepted = torch.empty_like(unsure) if self.is_fine else unsure
        at, grid, flat = self.tables, (blocks * tiles,), out.view(-1)
        name = (*key.view(np.int64).tolist(), int(block), int(purpose))
        sizes = (width, block_values, tiles)
        form = {"FINE": self.is_fine, "ODD": self.odd, "TILE": _TILE}
        form["enable_fp_fusion"] = False  # every operation rounds, as on the processor
        with torch.cuda.device(self.device) if out.is_cuda else contextlib.nullcontext():
            kernels.look_up[grid](
                flat, self.row, at.table, at.unit, unsure, counts, *name, n, *sizes, at.limit,
                **form, num_warps=4,
            )  # fmt: skip
            if self.is_fine:
                kernels.accept[(blocks,)](
                    accepted, counts, *at.candidates, *name, tiles,
                    TILE=_TILE, LANES=_CANDIDATES, COLUMNS=fine._COLUMNS, TERMS=fine._TERMS,
                    enable_fp_fusion=False, num_warps=4,
                )  # fmt: skip
            kernels.look_again[grid](
                flat, self.row, at.thresholds, accepted, at.unit, unsure, counts, *name, *sizes,
                at.lowest, at.n_thresholds, LANES=_LANES, DEPTH=at.n_thresholds.bit_length(),
                **form, num_warps=1,
            )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Tables:
    """What the kernels look things up in, under the names that they have there."""

    table: Any
    limit: int
    unit: Any
    thresholds: Any
    n_thresholds: int = 0
    lowest: int = 0
    candidates: tuple[Any, ...] = ()


@functools.lru_cache(maxsize=16)
def _tables(noise: IntegerGaussian, sampler: RoundedNormal | FineNormal, device: Any) -> _Tables:
    """Send the tables of a sampler, once."""
    unit = _send(np.array([float(noise.levels or noise.step)]), device)
    if isinstance(sampler, RoundedNormal):
        table = _send(sampler.table, device)
        thresholds = _send(sampler.thresholds.view(np.int64), device)
        limit = int(coarse._AMBIGUOUS)
        return _Tables(table, limit, unit, thresholds, len(thresholds), sampler.lowest)
    table = _send(sampler.cells, device)
    candidates = (
        sampler._starts,
        sampler._near,
        sampler._room,
        sampler._threshold.view(np.int64),
        sampler._alias.astype(np.int32),
        np.array([sampler._factor]),
    )
    return _Tables(
        table,
        fine._TICKETS - sampler.n_slow,
        unit,
        thresholds=table,  # which nobody looks at
        candidates=tuple(_send(array, device) for array in candidates),
    )


def _send(array: NDArray[Any], device: Any) -> Any:
    """Return a tensor on the device, without waiting for what is going on there."""
    import torch

    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _dtype(array: NDArray[Any]) -> Any:
    import torch

    return torch.from_numpy(np.empty(0, dtype=array.dtype)).dtype


@functools.lru_cache(maxsize=64)
def _agrees(noise: IntegerGaussian, is_fine: bool, dtype: str, device: Any) -> bool:
    """Whether the device draws what the processor draws; warns if it does not."""
    import torch

    steps = np.array([-200.0, 0.0, 7.0]) + 0.25 * is_fine
    row = (steps * (noise.sigma if noise.levels is None else 1 / noise.levels)).astype(dtype)
    key, block, purpose = np.array([2**64 - 2, 3], dtype=np.uint64), 5, Purpose.PREDICT
    n = block_rows(len(row))
    expected = np.empty((n + n // 4, len(row)), dtype)  # a block and a part of the next
    perturb, streams = noise.around(row), Philox()
    perturb(streams.at(key, block, purpose), expected[:n])
    perturb(streams.at(key, block + 1, purpose), expected[n:])
    try:
        drawn = torch.zeros(expected.shape, dtype=_dtype(expected), device=device)
        _Kernels(noise, perturb, device).fill(key, block, purpose, drawn)
        if drawn.cpu().numpy().tobytes() == expected.tobytes():
            return True
        reason = "it does not draw there what it should"
    except Exception as error:  # of whatever kind compilers and drivers raise
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    warnings.warn(
        f"Noise is drawn on the processor, not on {device}, which takes longer: {reason}",
        SpeedWarning,
        stacklevel=2,
    )
    return False
