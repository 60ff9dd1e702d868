"""Run the experiments: ``python -m benchmarks.statistics [--quick] [NAME ...]``."""

import argparse
import importlib
import json
import pathlib
import tempfile

from ..speed.environment import restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
# each is a module here with ``run(quick) -> Page``; the names also name the files
_EXPERIMENTS = {
    "decisions": "decisions",
    "bound": "bound",
    "two_sided": "two_sided",
    "tolerance": "tolerance",
    "logs": "paper_logs",
}


def main() -> None:
    args = _arguments()
    restart_steady("benchmarks.statistics")
    # only now: numpy reads the number of threads when it is loaded
    from .data import MissingDataError

    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or _EXPERIMENTS:
        experiment = importlib.import_module(f".{_EXPERIMENTS[name]}", __package__)
        try:
            page = experiment.run(args.quick, args.output / "statistics")
        except MissingDataError as reason:
            print(f"{name} was left out: it {reason}.")
            continue
        command = " ".join(["python -m benchmarks.statistics", *["--quick"] * args.quick, name])
        text = page.to_markdown(command)
        print(text, flush=True)
        (args.output / f"statistics_{name}.md").write_text(text)
        if page.figures:
            figures = json.dumps(page.figures, indent=1)
            (args.output / f"statistics_{name}.json").write_text(figures + "\n")
    print(f"Written to {args.output}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_EXPERIMENTS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, rougher figures")
    parser.add_argument("--output", type=pathlib.Path, help="folder; with --quick a temporary one")
    args = parser.parse_args()
    if args.output is None:  # rough figures must not replace the committed ones
        args.output = pathlib.Path(tempfile.mkdtemp()) if args.quick else _RESULTS
    if unknown := set(args.names) - set(_EXPERIMENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(_EXPERIMENTS)}")
    return args


if __name__ == "__main__":
    main()
