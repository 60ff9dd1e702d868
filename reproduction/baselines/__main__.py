"""Run the comparison: ``python -m reproduction.baselines [--quick]``."""

import argparse
import importlib
import importlib.util
import json
import pathlib
import tempfile

from benchmarks.environment import restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_NEEDED = {
    "auto_LiRPA": "--no-deps auto-LiRPA==0.3 appdirs",
    "convex_adversarial": "convex-adversarial",
    "art": "adversarial-robustness-toolbox",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m reproduction.baselines",
        description="Certified accuracy of smoothing and of deterministic methods on a small net.",
    )
    parser.add_argument("--quick", action="store_true", help="few images, rougher figures")
    parser.add_argument("--output", type=pathlib.Path, help="folder; with --quick a temporary one")
    parser.add_argument(
        "--kept", type=pathlib.Path, help="folder for nets and radii, to go on from"
    )
    args = parser.parse_args()
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        parser.error(
            "; ".join(f"{name} is missing: pip install {_NEEDED[name]}" for name in missing)
        )
    if args.output is None:  # rough figures must not replace the committed ones
        args.output = pathlib.Path(tempfile.mkdtemp()) if args.quick else _RESULTS
    restart_steady("reproduction.baselines")
    # only now: numpy reads the number of threads when it is loaded
    experiment = importlib.import_module("reproduction.baselines.experiment")
    missing_data = importlib.import_module("reproduction.nets.data").MissingDataError
    args.output.mkdir(parents=True, exist_ok=True)
    try:
        page = experiment.run(args.quick, args.output, args.kept)
    except missing_data as reason:
        parser.exit(message=f"Nothing was done: it {reason}.\n")
    text = page.to_markdown("python -m reproduction.baselines" + " --quick" * args.quick)
    (args.output / "baselines.md").write_text(text)
    (args.output / "baselines.json").write_text(json.dumps(page.figures, indent=1) + "\n")
    print(text)
    print(f"Written to {args.output}.")


if __name__ == "__main__":
    main()
