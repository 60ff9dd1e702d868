"""Triton kernels of integer noise: what `sksmooth.noise.samplers` draws, bit for bit, on a GPU.

The values of a fill, block after block, are cut into tiles. `look_up` looks every value up and
lists those that need more bits, tile by tile; `look_again` finds these. A value's rank among those
of its block says where in the stream's second half its bits are: a tile's first rank is the sum of
the counts of the tiles before it, so that nothing has to be asked from the host in between.

Only `.source` imports this module: it needs Triton, which not every build of torch brings along.
"""

# mypy: allow-untyped-defs

import triton  # type: ignore[import-untyped, import-not-found, unused-ignore]
import triton.language as tl  # type: ignore[import-untyped, import-not-found, unused-ignore]

__all__ = ["accept", "look_again", "look_up"]

# Triton compiles anew for numbers that are 1 or multiples of 16, unless it is told not to look
_STREAM = ["key0", "key1", "block", "purpose"]
_SIZES = ["width", "block_values", "tiles"]


@triton.jit
def _philox(place, key0, key1, block, purpose, HALF: tl.constexpr):
    """Return words 4 * place to 4 * place + 3 of a half of a stream of `Philox`.

    numpy counts before it generates: the first counter is (1, 0, block, purpose).
    """
    k0 = key0.to(tl.uint64)
    k1 = key1.to(tl.uint64)
    c0 = place.to(tl.uint64) + 1
    c1 = tl.zeros_like(c0)
    c2 = c1 + block.to(tl.uint64)
    c3 = c1 + (purpose.to(tl.uint64) | (HALF << 63))
    for _ in tl.static_range(10):
        high0 = tl.umulhi(c0, 0xD2E7470EE14C6C93)
        high2 = tl.umulhi(c2, 0xCA5A826395121157)
        low0 = c0 * 0xD2E7470EE14C6C93
        low2 = c2 * 0xCA5A826395121157
        c0 = high2 ^ c1 ^ k0
        c1 = low2
        c2 = high0 ^ c3 ^ k1
        c3 = low0
        k0 = k0 + 0x9E3779B97F4A7C15
        k1 = k1 + 0xBB67AE8584CAA73B
    return c0, c1, c2, c3


@triton.jit
def _second(place, key0, key1, block, purpose):
    """Return the words at any places of a stream's second half."""
    w0, w1, w2, w3 = _philox(place // 4, key0, key1, block, purpose, 1)
    turn = place % 4
    return tl.where(turn < 2, tl.where(turn == 0, w0, w1), tl.where(turn == 2, w2, w3))


@triton.jit
def _total(counts, n, LANES: tl.constexpr):
    """Return the sum of the first n of some counts."""
    lanes = tl.arange(0, LANES)
    sums = tl.zeros([LANES], tl.int32)
    for start in range(0, n, LANES):
        sums += tl.load(counts + start + lanes, mask=start + lanes < n, other=0)
    return tl.sum(sums, 0)


@triton.jit
def _put(out, place, k, unit, live, ODD: tl.constexpr):
    """Store sums of row and noise as floats: as `IntegerGaussian` does, each step rounded as IEEE.

    `unit` is the step if ODD is 0. Else it is the number of levels, and k counts grid points of
    which ODD are one step of the levels' grid.
    """
    kind = out.dtype.element_ty
    if ODD == 0:
        value = (k.to(tl.float64) * unit).to(kind)
    else:
        if ODD > 1:
            shifted = k + ODD // 2
            k = shifted // ODD  # towards 0, as in C
            k = k - (k * ODD > shifted).to(tl.int64)
        if kind == tl.float32:
            value = tl.div_rn(k.to(tl.float32), unit.to(tl.float32))
        else:
            value = k.to(tl.float64) / unit
    tl.store(out + place, value, mask=live)


@triton.jit(do_not_specialize=[*_STREAM, *_SIZES, "out", "n", "limit"])
def look_up(
    out,
    row,
    table,
    unit,
    unsure,
    counts,
    key0,
    key1,
    block,
    purpose,
    n,
    width,
    block_values,
    tiles,
    limit,
    FINE: tl.constexpr,
    ODD: tl.constexpr,
    TILE: tl.constexpr,
):
    """Fill `out` from a table, and list the values for which the table does not decide.

    Parameters
    ----------
    out : pointer to n floats
        Whole blocks of `block_values` values, but for the last.
    row : pointer to `width` int64
        The row, in steps of the grid.
    table : pointer to 65,536 int16 or int32
        ``RoundedNormal.table``, or ``FineNormal.cells`` if FINE.
    unit : pointer to a float64
        See `_put`.
    unsure : pointer to int32, a TILE for each tile
        Filled with the positions of the undecided values in their tile, and 16 bits of each.
    counts : pointer to int32, one for each tile
        Filled with how many these are.
    key0, key1, block, purpose : int
        Name of the stream of the first block.
    tiles : int
        Tiles in a block.
    limit : int
        What `RoundedNormal` has in its table where that does not decide; the first of the tickets
        that do not decide if FINE.
    """
    tile = tl.program_id(0)
    number = tile // tiles
    start = number.to(tl.int64) * block_values
    lane = tl.arange(0, TILE)
    place = (tile % tiles) * TILE + lane
    live = (place < block_values) & (start + place < n)
    if FINE:
        four = (tile % tiles) * (TILE // 8) + tl.arange(0, TILE // 8)
    else:
        four = (tile % tiles) * (TILE // 16) + tl.arange(0, TILE // 16)
    w0, w1, w2, w3 = _philox(four, key0, key1, block + number, purpose, 0)
    words = tl.interleave(tl.interleave(w0, w2), tl.interleave(w1, w3))
    halves = tl.interleave(words.to(tl.uint32), (words >> 32).to(tl.uint32))
    if FINE:
        index = (halves >> 16).to(tl.int32)
        k = tl.load(table + index).to(tl.int64) + (halves & 0xFFFF).to(tl.int64)
        more = live & (index >= limit)
    else:
        index = tl.interleave(halves & 0xFFFF, halves >> 16).to(tl.int32)
        k = tl.load(table + index).to(tl.int64)
        more = live & (k == limit)
    k += tl.load(row + place % width)
    _put(out, start + place, k, tl.load(unit), live & (more == 0), ODD)
    flags = more.to(tl.int32)
    rank = tl.cumsum(flags, 0) - flags
    first = tile.to(tl.int64) * TILE
    tl.store(unsure + first + rank, lane | (index << 16), mask=more)
    tl.store(counts + tile, tl.sum(flags, 0))


@triton.jit(do_not_specialize=[*_STREAM, *_SIZES, "out", "lowest", "n_thresholds"])
def look_again(
    out,
    row,
    thresholds,
    accepted,
    unit,
    unsure,
    counts,
    key0,
    key1,
    block,
    purpose,
    width,
    block_values,
    tiles,
    lowest,
    n_thresholds,
    FINE: tl.constexpr,
    ODD: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Fill in the values that `look_up` has listed.

    Parameters are those of `look_up`, and:

    Parameters
    ----------
    thresholds : pointer to int64
        ``RoundedNormal.thresholds``; `n_thresholds` of them, fewer than 2**DEPTH.
    accepted : pointer to int32
        What `accept` has filled. It is read if FINE, the thresholds if not.
    lowest : int
        ``RoundedNormal.lowest``.
    """
    tile = tl.program_id(0)
    number = tile // tiles
    count = tl.load(counts + tile)
    rank = _total(counts + number * tiles, tile % tiles, LANES) + tl.arange(0, LANES)
    for start in range(0, count, LANES):
        at = start + tl.arange(0, LANES)
        live = at < count
        note = tl.load(unsure + tile.to(tl.int64) * TILE + at, mask=live, other=0)
        if FINE:
            found = accepted + number.to(tl.int64) * tiles * TILE
            k = tl.load(found + start + rank, mask=live, other=0).to(tl.int64)
        else:
            bits = _second(start + rank, key0, key1, block + number, purpose) >> 16
            bits |= (note >> 16).to(tl.uint64) << 48  # whatever the note's sign was
            below = tl.zeros([LANES], tl.int32)  # how many thresholds are not above the bits
            for j in tl.static_range(DEPTH):
                further = below + (1 << (DEPTH - 1 - j))
                inside = live & (further <= n_thresholds)
                threshold = tl.load(thresholds + further - 1, mask=inside, other=0)
                below = tl.where(inside & (threshold.to(tl.uint64) <= bits), further, below)
            k = (below + lowest).to(tl.int64)
        place = (tile % tiles) * TILE + (note & 0xFFFF)
        k += tl.load(row + place % width, mask=live, other=0)
        _put(out, number.to(tl.int64) * block_values + place, k, tl.load(unit), live, ODD)


@triton.jit(do_not_specialize=[*_STREAM, "tiles"])
def accept(
    accepted,
    counts,
    starts,
    near,
    room,
    threshold,
    alias,
    factor,
    key0,
    key1,
    block,
    purpose,
    tiles,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    COLUMNS: tl.constexpr,
    TERMS: tl.constexpr,
):
    """Find as many accepted candidates of ``FineNormal`` as a block has listed values.

    Compile with ``enable_fp_fusion=False``: candidates are compared in floats that must come out as
    they do on the host.

    Parameters
    ----------
    accepted : pointer to int32
        Filled, from each block's first tile on.
    counts : pointer to int32
        How many values each tile has listed.
    starts, near, room, threshold, alias, factor : pointers
        The like-named parts of ``FineNormal``.
    """
    number = tl.program_id(0)
    found = accepted + number.to(tl.int64) * tiles * TILE
    wanted = _total(counts + number * tiles, tiles, LANES)
    minus_factor = -tl.load(factor)
    done = wanted * 0
    first = wanted * 0
    while done < wanted:
        candidate = 3 * (first + tl.arange(0, LANES))
        word = _second(candidate, key0, key1, block + number, purpose)
        column = (word & (COLUMNS - 1)).to(tl.int32)
        own = (word >> 11) < tl.load(threshold + column).to(tl.uint64)
        cell = tl.where(own, column, tl.load(alias + column))
        inside = _second(candidate + 1, key0, key1, block + number, purpose) >> 48
        k = tl.load(starts + cell) + inside.to(tl.int64)
        close = tl.load(near + cell)
        high = tl.load(room + cell)
        # the product of two integers is exact, and so it does not matter that k may be negative
        y = (k - close).to(tl.float64) * (k + close).to(tl.float64) * minus_factor
        loss = tl.full([LANES], 1.0, tl.float64)
        for j in tl.static_range(TERMS - 1):
            loss = loss * (y / (TERMS - j)) + 1.0
        loss = loss * y
        chance = _second(candidate + 2, key0, key1, block + number, purpose) >> 11
        fair = chance.to(tl.float64) * (1.0 / 2**53)
        flags = (fair * high < high + loss).to(tl.int32)
        rank = done + tl.cumsum(flags, 0) - flags
        tl.store(found + rank, k.to(tl.int32), mask=(flags != 0) & (rank < wanted))
        done += tl.sum(flags, 0)
        first += LANES
