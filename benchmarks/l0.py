"""Other noises: by brute force in fractions, and how fast their samplers are.

Run as ``python -m benchmarks.l0 [speed|pairs|neighbours|splitting]``: all of them without a word.
It takes some minutes on one core, and writes ``benchmarks/results/l0.md``.
"""

import itertools
import math
import pathlib
import sys
import time
from fractions import Fraction

import numpy as np

from sksmooth.bounds import Pair, splitting_steps
from sksmooth.noise import (
    BinaryFlipNoise,
    DropNoise,
    FlipNoise,
    IntegerGaussian,
    LaplaceNoise,
    SplitNoise,
    UniformNoise,
)
from sksmooth.noise.streams import Philox, Purpose, row_key

from .environment import describe, restart_steady

_PAGE = pathlib.Path(__file__).parent / "results" / "l0.md"
_VALUES = 2**22  # values drawn in one run of a sampler
_REPEATS = 9


def speed() -> list[str]:
    """Time noise per value beside the Gaussian's, in turn, in processor time: medians."""
    lines = ["| row | " + " | ".join(_families(3)) + " |"]
    lines.append("|---|" + "---|" * len(_families(3)))
    for d in (10, 100, 784):
        families = _families(d)
        times: dict[str, list[float]] = {name: [] for name in families}
        for _ in range(_REPEATS):
            for name, (noise, row) in families.items():
                n = _VALUES // d // 16
                out = np.empty((n, d), dtype=row.dtype)
                perturb, streams = noise.around(row), Philox()
                key = row_key(bytes(16), row, noise.name)
                begin = time.process_time()
                for block in range(16):
                    perturb(streams.at(key, block, Purpose.PREDICT), out)
                times[name].append((time.process_time() - begin) / (16 * n * d) * 1e9)
        gaussian = np.median(times["gaussian"])
        shown = [f"{np.median(t):.2f} ns, {np.median(t) / gaussian:.2f}" for t in times.values()]
        lines.append(f"| {d} values | " + " | ".join(shown) + " |")
    return lines


def _families(d: int) -> dict:
    image = np.arange(d) % 256 / 255
    codes = (np.arange(d) % 4).astype(np.float64)
    bits = (np.arange(d) % 2).astype(np.float64)
    return {
        "gaussian": (IntegerGaussian(0.5, d), image),
        "gaussian, bytes": (IntegerGaussian(0.5, d, levels=255), image),
        "laplace": (LaplaceNoise(0.5, d), image),
        "laplace, bytes": (LaplaceNoise(0.5, d, levels=255), image),
        "uniform": (UniformNoise(0.866, d), image),
        "uniform, bytes": (UniformNoise(0.866, d, levels=255), image),
        "flip": (FlipNoise.keeping(0.6, [(0.0, 1.0, 2.0, 3.0)] * d), codes),
        "flip, add and remove": (BinaryFlipNoise.turning(0.1, 0.5, d), bits),
        "drop": (DropNoise.dropping([0.8] * d), image),
        "split, bytes": (SplitNoise(255, (510,) * d, tuple(range(d)), 0, 255), image),
    }


def pairs() -> str:
    """Compare trade-offs with Neyman-Pearson over the whole space, in fractions."""
    rng, n_compared = np.random.default_rng(0), 0
    for _ in range(300):
        sizes = rng.integers(2, 5, size=rng.integers(1, 4)).tolist()
        keep = Fraction(int(rng.integers(55, 96)), 100)
        k = int(rng.integers(1, len(sizes) + 1))
        x, other = [0] * len(sizes), [1] * k + [0] * (len(sizes) - k)
        space = list(itertools.product(*map(range, sizes)))
        masses = [
            [
                math.prod(
                    keep if v == o else (1 - keep) / (size - 1)
                    for v, o, size in zip(point, own, sizes, strict=True)
                )
                for point in space
            ]
            for own in (x, other)
        ]
        pair = math.prod(
            (Pair.categorical(keep, size - 1) for size in sizes[1:k]),
            start=Pair.categorical(keep, sizes[0] - 1),
        )
        for p in [Fraction(int(a), 1000) for a in rng.integers(0, 1001, size=20)]:
            assert pair.exact_lower(p) == _least(masses, p)
            n_compared += 1
    return f"{n_compared:,} comparisons of trade-offs with the whole space, in fractions: all equal"


def _least(masses: list[list[Fraction]], p: Fraction) -> Fraction:
    """Return the least mass at the other row of an event of mass p, of all points in turn."""
    order = sorted(range(len(masses[0])), key=lambda i: masses[1][i] / masses[0][i])
    left, found = p, Fraction(0)
    for i in order:
        share = min(Fraction(1), left / masses[0][i])
        left, found = left - share * masses[0][i], found + share * masses[1][i]
        if not left:
            break
    return found


def neighbours() -> str:
    """Enumerate all certified neighbours of all rows of random classifiers on small domains."""
    rng, n_pairs, n_false = np.random.default_rng(1), 0, 0
    while n_pairs < 100_000:
        d, size = int(rng.integers(3, 6)), int(rng.integers(2, 4))
        keep = float(rng.choice([0.6, 0.7, 0.8, 0.9]))
        noise = FlipNoise.keeping(keep, [tuple(map(float, range(size)))] * d)
        rows = np.array(list(itertools.product(range(size), repeat=d)), dtype=np.float64)
        # mostly one class, so that something is certified
        answers = (rng.random(len(rows)) < rng.choice([0.02, 0.1, 0.3])).astype(np.int64)
        if rng.random() < 0.5:
            answers = (rows.sum(axis=1) > d * (size - 1) / 2).astype(np.int64)
        p = np.array([_probability(noise, row, answers) for row in rows])
        top, best = p.argmax(axis=1), p.max(axis=1)
        reached = noise.reached(np.nextafter(best, 0), np.nextafter(1 - best, 1))
        apart = (rows[:, None] != rows[None]).sum(axis=2)
        inside = (apart <= reached[:, None]) & (apart > 0)
        n_pairs += int(inside.sum())
        n_false += int((inside & (top[:, None] != top[None])).sum())
    assert n_false == 0
    return f"{n_pairs:,} certified neighbours of rows of random classifiers: {n_false} false"


def _probability(noise: FlipNoise, row: np.ndarray, answers: np.ndarray) -> list[float]:
    outcomes = noise.outcomes(row)
    return [v / outcomes.total for v in outcomes.votes(answers, 2)]


def splitting() -> str:
    """Compare all pairs of points of a grid under splitting noise of random classifiers."""
    rng, n_pairs, n_certified = np.random.default_rng(2), 0, 0
    while n_pairs < 500_000:
        d, period, side = int(rng.integers(1, 4)), 2 * int(rng.integers(2, 6)), 6
        noise = SplitNoise(1, (period,) * d, tuple(rng.integers(period, size=d)), 0, side - 1)
        rows = np.array(list(itertools.product(range(side), repeat=d)), dtype=np.float64)
        weights = rng.normal(size=d)
        shown = np.empty((period, d))
        votes = []
        for row in rows:
            noise.outcomes(row).fill(0, shown)
            high = int(((shown - side / 2) @ weights + np.sin(shown.sum(axis=1)) > 0).sum())
            votes.append([period - high, high])
        labels, steps = splitting_steps(votes)
        apart = np.abs(rows[:, None] - rows[None]).sum(axis=2)
        inside = apart <= steps[:, None]
        assert np.all((labels[:, None] == labels[None])[inside])
        n_pairs += apart.size
        n_certified += int(inside.sum())
    return f"{n_pairs:,} pairs of points under splitting noise, {n_certified:,} certified: 0 false"


def main() -> None:
    """Run what is asked for; write the page if that is everything."""
    restart_steady("benchmarks.l0")
    setting = describe("python -m benchmarks.l0")
    checks = (pairs, neighbours, splitting)
    asked = sys.argv[1:]
    found = [f"* {check()}" for check in checks if not asked or check.__name__ in asked]
    table = speed() if not asked or "speed" in asked else []
    page = [
        "# Noise that is not Gaussian: brute force and speed",
        "",
        f"`{setting['command']}`, {setting['date']}, {setting['cpu']}, one thread, Python "
        f"{setting['python']}, numpy {setting['versions']['numpy']}.",
        "",
        "## By brute force",
        "",
        *found,
        "",
        "## Speed of the samplers",
        "",
        "Processor time for each noisy value, and over that of Gaussian noise on the same kind of "
        "row in the same run: medians of runs in turn.",
        "",
        *table,
        "",
    ]
    text = "\n".join(page)
    print(text)
    if not asked:
        _PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
