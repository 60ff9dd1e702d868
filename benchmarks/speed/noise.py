"""The noise alone: in integers against floating point, keyed against one long stream.

``python -m benchmarks.speed.noise [--rounds N]``
"""

import argparse
import itertools
import json
import math
import pathlib
import statistics
from collections.abc import Callable
from typing import Any

from ..environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_SIGMA = 0.25
_EXPLANATION = """\
Time to fill blocks of noisy copies of a row, in processor time, one thread: medians over rounds in
which the ways take turns, in every order. `numpy` is `standard_normal` of a Generator on Philox,
times sigma, plus the row, in place: the fastest plain loop on the same generator. `integer` is
sigma=0.25 noise on the grid of 1/255 (images) or of sigma / 2**22 (other rows), summed with the row
as integers and turned into floats. Integer over numpy should be at most 1.0. Keyed moves to a new
stream at each block, as `certify` does; unkeyed goes on with the same; their ratio should be at
most 1.03 from 2**16 values a block. Compiled: the same bits by the loops of the extra `fast`, of
which no more than 3 ns are asked off the grid of images."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    args = parser.parse_args()
    restart_steady("benchmarks.speed.noise")
    results = {
        "about": describe("python -m benchmarks.speed.noise"),
        "cases": [
            _measure(d, kind, dtype, args.rounds)
            for d, kind in ((64, "fine"), (784, "image"), (784, "fine"), (3072, "image"))
            for dtype in ("float32", "float64")
        ],
    }
    page = _page(results)
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "speed_noise.md").write_text(page)
    (args.output / "speed_noise.json").write_text(json.dumps(results, indent=1) + "\n")


def _measure(d: int, kind: str, dtype: str, rounds: int) -> dict[str, Any]:
    import numpy as np

    from sksmooth.noise import FloatGaussian, IntegerGaussian
    from sksmooth.noise.fast import load, use
    from sksmooth.noise.streams import Philox, Purpose, block_rows, row_key

    from .contestants import Work
    from .timing import clock

    rng = np.random.default_rng(0)
    row = rng.integers(0, 256, d) / 255 if kind == "image" else rng.standard_normal(d)
    row = row.astype(dtype)
    integer = IntegerGaussian(_SIGMA, d, levels=255 if kind == "image" else None)
    out = np.empty((block_rows(d), d), dtype=dtype)
    keys = [row_key(bytes(16), np.array([float(i)])) for i in range(64)]

    loops = load()
    use(None)  # loops are used where they are asked for

    def work(noise: FloatGaussian, keyed: bool, loops: Any = None) -> Work:
        streams, perturb = Philox(), noise.around(row)
        stream = streams.at(keys[0], 0, Purpose.ESTIMATE)
        stream.more(1)
        number = [0]

        def fill() -> int:
            for _ in range(4):
                number[0] += 1
                if keyed:
                    streams.at(keys[number[0] % 64], number[0], Purpose.ESTIMATE)
                    streams.loops = loops
                perturb(stream, out)
            return 4 * out.size

        return fill

    ways: dict[str, Callable[[], int]] = {
        "numpy": work(FloatGaussian(_SIGMA), True),
        "integer": work(integer, True),
        "integer, unkeyed": work(integer, False),
    }
    if loops is not None:
        ways["compiled"] = work(integer, True, loops)
    times: dict[str, list[float]] = {name: [] for name in ways}
    # in every order: who comes after whom decides what is left in the caches
    orders = itertools.cycle(itertools.permutations(ways))
    for order in itertools.islice(orders, rounds):
        for name in order:
            taken = clock(ways[name])
            times[name].append(1e9 * taken.cpu / taken.draws)
    medians = {name: statistics.median(t) for name, t in times.items()}
    return {
        "d": d,
        "kind": kind,
        "dtype": dtype,
        "values_per_block": out.size,
        "ns_per_value": medians,
        "integer_over_numpy": medians["integer"] / medians["numpy"],
        "keyed_over_unkeyed": medians["integer"] / medians["integer, unkeyed"],
        "tv_error_per_value": integer.tv_error / d,
    }


def _page(results: dict[str, Any]) -> str:
    about = results["about"]
    lines = [
        "# Noise",
        "",
        f"`{about['command']}`, {about['date']}; {about['cpu']}, {about['threads']} thread; "
        f"allocator: {about['allocator']}; numpy {about['versions']['numpy']}.",
        "",
        _EXPLANATION,
        "",
        "| row | precision | values a block | numpy, ns | integer, ns | compiled, ns "
        "| integer / numpy | keyed / unkeyed | total variation a value |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in results["cases"]:
        ns = case["ns_per_value"]
        lines.append(
            f"| {case['kind']}, d={case['d']} | {case['dtype']} | {case['values_per_block']:,} "
            f"| {ns['numpy']:.2f} | {ns['integer']:.2f} "
            f"| {ns.get('compiled', math.nan):.2f} | **{case['integer_over_numpy']:.2f}** "
            f"| {case['keyed_over_unkeyed']:.3f} | {case['tv_error_per_value']:.0e} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
