"""Measure the speed of certification: ``python -m benchmarks.speed [--quick] [--cases ...]``."""

import argparse
import dataclasses
import json
import pathlib
from typing import Any

from ..environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"


def main() -> None:
    args = _arguments()
    restart_steady("benchmarks.speed", keep_memory=args.allocator == "keep")
    # only now: numpy and torch read the number of threads when they are loaded
    import torch

    from .cases import CASES
    from .measure import measure_case, measure_one_call
    from .report import to_markdown

    torch.set_num_threads(1)
    rounds = 3 if args.quick else args.rounds
    results: dict[str, Any] = {"about": describe(args.command), "cases": [], "notes": []}
    for name in args.cases or CASES:
        case = CASES[name]()
        if args.quick:
            case = dataclasses.replace(case, n=case.n // 4)
        results["cases"].append({"name": name, **measure_case(case, rounds)})
        print(f"{name} done", flush=True)
    if not args.cases:
        results["one_call"] = measure_one_call(rounds)
    results["notes"] += _notes(results)
    page = to_markdown(results)
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "speed.md").write_text(page)
    (args.output / "speed.json").write_text(json.dumps(results, indent=1) + "\n")


def _notes(results: dict[str, Any]) -> list[str]:
    notes = []
    if one_call := results.get("one_call"):
        notes.append(
            f"{one_call['n_rows']} rows at n={one_call['n']}, n0={one_call['n0']} with the forest: "
            f"one call is {one_call['times_faster_cpu']:.0f} times faster than a call for each row "
            f"(wall time: {one_call['times_faster_wall']:.0f} times; asked for: 10 times)."
        )
    answers = {case["title"]: case["art_on_sklearn"] for case in results["cases"]}
    for title, answer in answers.items():
        if answer not in (None, "not installed"):
            notes.append(f"ART on {title}: `{answer}`.")
    if results["about"]["versions"]["adversarial-robustness-toolbox"] == "not installed":
        notes.append("ART was not measured: pip install adversarial-robustness-toolbox statsmodels")
    return notes


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds, a quarter of the draws")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", nargs="*", metavar="NAME", help="only these")
    parser.add_argument(
        "--allocator",
        choices=["keep", "default"],
        default="keep",
        help="keep: memory of large arrays is not given back to the system between batches",
    )
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS, help="folder")
    args = parser.parse_args()
    words = ["python -m benchmarks.speed"]
    words += ["--quick"] * args.quick
    words += [f"--rounds {args.rounds}"] * (args.rounds != parser.get_default("rounds"))
    words += [f"--allocator {args.allocator}"] * (args.allocator != "keep")
    words += ["--cases", *args.cases] if args.cases else []
    args.command = " ".join(words)  # not as typed: the output folder concerns nobody
    return args


if __name__ == "__main__":
    main()
