"""Every model, state and kind of worker of the fidelity suite: ``python -m benchmarks.fidelity``.

The exit status is 1 if anything is wrong.
"""

import argparse
import collections
import importlib.metadata
import itertools
import pathlib
import sys
import time

from .environment import describe, restart_steady

_ROOT = pathlib.Path(__file__).parents[1]
_RESULTS = pathlib.Path(__file__).parent / "results"
_PACKAGES = ("xgboost", "lightgbm", "catboost", "imbalanced-learn", "interpret-core", "pandas")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose name has one of these in it")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS, help="folder")
    args = parser.parse_args()
    restart_steady("benchmarks.fidelity", keep_memory=False)
    sys.path.insert(0, str(_ROOT / "tests"))
    from contracts.fidelity import all_cases, run
    from contracts.regressors import ALL_MODELS

    missing = {name for model in ALL_MODELS.values() for name in model.missing}
    if missing:
        sys.exit(f"Some models need {', '.join(sorted(missing))}.")
    everything = all_cases()
    chosen = [c for c in everything if not args.words or any(w in str(c) for w in args.words)]
    start, outcomes = time.perf_counter(), {}
    for case in chosen:
        outcomes[case] = run(case)
        if outcomes[case].verdict == "WRONG":
            print(f"{case}: {outcomes[case].what}", flush=True)
    seconds = time.perf_counter() - start
    verdicts = collections.Counter(outcome.verdict for outcome in outcomes.values())
    print(", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common()), f"{seconds:.0f} s")
    if len(chosen) == len(everything):
        args.output.mkdir(parents=True, exist_ok=True)
        (args.output / "fidelity.md").write_text(_page(outcomes, verdicts, seconds))
    sys.exit(1 if verdicts["WRONG"] else 0)


def _page(outcomes: dict, verdicts: collections.Counter, seconds: float) -> str:
    about = describe("python -m benchmarks.fidelity")
    versions = about["versions"] | {name: importlib.metadata.version(name) for name in _PACKAGES}
    wrong = verdicts["WRONG"]
    models = list(dict.fromkeys(case.model for case in outcomes))
    states = list(dict.fromkeys(case.state for case in outcomes))
    lines = [
        "# What is certified is what the base answers\n",
        f"`{about['command']}`, {about['date']}, {seconds / 60:.0f} minutes on one core of "
        f"{about['cpu']}.",
        f"Python {about['python']}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".\n",
        f"{len(models)} models in {len(states)} states, votes counted by one worker, by threads "
        "and by processes: "
        f"{sum(verdicts.values()) - verdicts['none']} cases ({verdicts['none']} more cannot be). "
        f"{verdicts['sampled']} sampled, {verdicts['exact']} computed, {verdicts['refused']} "
        f"refused, **{wrong} wrong**.\n",
        "In every case the votes with shortcuts, and those without, must be equal to the last one "
        "to the votes of a base of unknown type with the same `predict`. A closed form is compared "
        "with 200,000 draws a row of numpy's noise, at a level of 1e-6. Of regressors all sorted "
        "outputs are compared, up to rounding, and what is computed with 12,000 draws for each "
        "question; of conformal estimators ('sets of') thresholds, sets and intervals. A refusal "
        "counts as right for a base that reads its batch, in processes for a base whose pickle "
        "answers otherwise or has lost methods, and for a base that changed after calibration.\n",
        *_tables(outcomes, models, states),
    ]
    kinds = {"WRONG": "What is wrong", "refused": "Refusals"}
    for verdict, title in kinds.items():
        found = [(case, o.what) for case, o in outcomes.items() if o.verdict == verdict]
        if found:
            lines += [f"\n## {title}\n"]
            for what, cases in itertools.groupby(found, key=lambda item: item[1]):
                names = ", ".join(f"{c.model} / {c.state} / {c.workers}" for c, _ in cases)
                lines.append(f"- {names}: {' '.join(what.split())}")
    return "\n".join(lines) + "\n"


def _tables(outcomes: dict, models: list[str], states: list[str]) -> list[str]:
    """One line for each model; what differs among the workers stands side by side."""
    lines = ["| model | " + " | ".join(states) + " |", "|---" * (len(states) + 1) + "|"]
    for model in models:
        cells = []
        for state in states:
            found = [o for c, o in outcomes.items() if (c.model, c.state) == (model, state)]
            names = [_cell(outcome) for outcome in found]
            cells.append(names[0] if len(set(names)) == 1 else " / ".join(names))
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return lines


def _cell(outcome) -> str:
    if outcome.verdict in ("exact", "sampled") and outcome.what:
        return f"{outcome.verdict} ({outcome.what})"
    return {"none": "–", "WRONG": "**WRONG**"}.get(outcome.verdict, outcome.verdict)


if __name__ == "__main__":
    main()
