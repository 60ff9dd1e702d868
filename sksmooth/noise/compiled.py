"""Loops of the samplers in one pass each, compiled by numba: the same bits as numpy's.

`sksmooth.noise.fast` imports this module; nothing else does.
"""

import sys
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .integer import IntegerGaussian
from .streams import Philox, Purpose

__all__ = ["accepted", "are_right", "philox", "sum_cells"]

_TERMS = 7  # as in `sksmooth.noise.samplers.cells`

_WORD = types.uint64
_ONE = np.uint64(1)
# of Philox4x64: multipliers, and what is added to the key in each round
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


def _compile(function: Any) -> Any:
    """Compile without changes of arithmetic: no products fused with sums, nothing reordered."""
    options = {"nogil": True, "fastmath": False, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written to
        return numba.njit(**options)(function)


@intrinsic
def _high(context: Any, a: Any, b: Any) -> Any:
    """Return the upper half of a product of two words."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        first, second = (builder.zext(arg, wide) for arg in args)
        shifted = builder.lshr(builder.mul(first, second), ir.Constant(wide, 64))
        return builder.trunc(shifted, ir.IntType(64))

    return _WORD(_WORD, _WORD), generate


@_compile
def philox(key: Any, counter: Any, start: Any, out: Any) -> None:
    """Fill `out`, a multiple of 4 words, with Philox4x64-10 from the block `start` on.

    Parameters
    ----------
    key : ndarray of shape (2,), uint64
        Of the stream.
    counter : ndarray of shape (4,), uint64
        Of its beginning; as in numpy, the first block has this counter plus 1.
    start : int
        Number of blocks of 4 words to leave out.
    out : ndarray of uint64
        To fill.
    """
    first = counter[0] + np.uint64(start) + _ONE
    for i in range(len(out) // 4):
        a, b = first + np.uint64(i), counter[1]
        c, d = counter[2], counter[3]
        p, q = key[0], key[1]
        for _ in range(10):
            h0, l0 = _high(_M0, a), _M0 * a
            h1, l1 = _high(_M1, c), _M1 * c
            a, b, c, d = h1 ^ b ^ p, l1, h0 ^ d ^ q, l0
            p += _W0
            q += _W1
        out[4 * i], out[4 * i + 1], out[4 * i + 2], out[4 * i + 3] = a, b, c, d


@_compile
def sum_cells(
    bits: Any,
    wide: Any,
    shift: Any,
    cells: Any,
    first_slow: Any,
    row: Any,
    step: Any,
    scale: Any,
    out: Any,
    places: Any,
) -> int:
    """Fill `out` with a row plus noise; return how many places have a slow ticket.

    Parameters
    ----------
    bits : ndarray of uint16
        Random: two for each value, its place in the cell and its ticket, or four if `wide`.
    wide : bool
        Whether the place in the cell is the upper part of the first two of four.
    shift : uint32
        By how much these two are shifted to the right.
    cells : ndarray of int
        Lowest point of the cell of each ticket.
    first_slow : uint16
        Lowest ticket that stands for no cell.
    row : ndarray of int
        The row on the grid, one entry a value.
    step : float
        Of the grid.
    scale : ndarray of float64 or None
        Factor of each value.
    out : ndarray of float
        To fill.
    places : ndarray of int64
        Gets the places of slow tickets; their values are to be replaced.
    """
    found = 0
    for i in range(len(out)):
        if wide:
            inside = (np.uint32(bits[4 * i + 1]) << np.uint32(16) | np.uint32(bits[4 * i])) >> shift
            ticket = bits[4 * i + 3]
        else:
            inside = np.uint32(bits[2 * i])
            ticket = bits[2 * i + 1]
        value = np.float64(cells[ticket] + np.int32(inside) + row[i]) * step
        if scale is not None:
            value *= scale[i]
        out[i] = value
        if ticket >= first_slow:
            places[found] = i
            found += 1
    return found


@_compile
def accepted(
    words: Any,
    shift: Any,
    bits: Any,
    threshold: Any,
    alias: Any,
    starts: Any,
    near: Any,
    room: Any,
    factor: Any,
    squares: Any,
    out: Any,
) -> int:
    """Fill `out` with accepted candidates; return how many: see `CellSampler._candidates`."""
    last = (_ONE << shift) - _ONE
    found = 0
    for i in range(len(words)):
        cell = words[i, 0] & last
        if words[i, 0] >> shift >= threshold[cell]:
            cell = np.uint64(alias[cell])
        k = starts[cell] + np.int64(words[i, 1] >> (np.uint64(64) - bits))
        size = abs(k)
        y = np.float64(size - near[cell])
        if squares:
            y *= np.float64(size + near[cell])
        y *= -factor
        drawn = np.float64(words[i, 2] >> np.uint64(11)) * 2.0**-53 * room[cell]
        # y <= loss <= y + y**2 / 2, as sums of floats too, but for less than the last term
        if drawn >= room[cell] + y + 0.5 * y * y + 1e-14:
            continue
        if not drawn < room[cell] + y:
            loss = 1.0
            for term in range(_TERMS, 1, -1):
                loss *= y / term
                loss += 1.0
            if not drawn < room[cell] + loss * y:
                continue
        out[found] = k
        found += 1
    return found


def are_right() -> bool:
    """Whether the loops of this module draw the bits that numpy draws."""
    row, key = np.linspace(-5, 5, 7), np.array([3, 2**63 + 1], np.uint64)
    perturb = IntegerGaussian(1.0, len(row)).around(row)
    drawn = []
    for loops in (None, sys.modules[__name__]):
        stream, out = Philox().at(key, 2**40, Purpose.TRAIN), np.empty((4096, len(row)))
        stream.loops = loops
        perturb(stream, out)
        drawn.append(out)
    return bool(np.array_equal(drawn[0], drawn[1]))
