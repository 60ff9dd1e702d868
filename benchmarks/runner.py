"""The command line of a folder of experiments, modules with ``run(quick, folder) -> Page``."""

import argparse
import importlib
import importlib.util
import inspect
import json
import pathlib
import tempfile
from collections.abc import Mapping

from .environment import restart_steady

__all__ = ["run_experiments"]


def run_experiments(
    package: str,
    experiments: Mapping[str, str],
    description: str,
    options: Mapping[str, str] | None = None,
) -> None:
    """Run those that the command line names, and write a page and figures for each.

    Parameters
    ----------
    package : str
        Package of the experiments, such as "benchmarks.exact". Results go into the folder `results`
        beside it, in files whose names begin with its last name.
    experiments : mapping of str to str
        From the name of an experiment, which also names its files, to that of its module.
    description : str
        For ``--help``.
    options : mapping of str to str, default=None
        Whole numbers that some experiments take as further arguments of ``run``, and their help.
    """
    options = options or {}
    args = _arguments(package, experiments, description, options)
    given = {name: value for name in options if (value := getattr(args, name)) is not None}
    restart_steady(package)
    folder = package.rpartition(".")[2]
    # only now: numpy reads the number of threads when it is loaded
    missing_data = importlib.import_module(f"{package}.data").MissingDataError
    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or experiments:
        experiment = importlib.import_module(f"{package}.{experiments[name]}")
        taken = {
            k: v for k, v in given.items() if k in inspect.signature(experiment.run).parameters
        }
        try:
            page = experiment.run(args.quick, args.output / folder, **taken)
        except missing_data as reason:
            print(f"{name} was left out: it {reason}.")
            continue
        words = [f"--{option} {value}" for option, value in taken.items()]
        command = " ".join([f"python -m {package}", *["--quick"] * args.quick, *words, name])
        text = page.to_markdown(command)
        print(text, flush=True)
        (args.output / f"{folder}_{name}.md").write_text(text)
        if page.figures:
            figures = json.dumps(page.figures, indent=1)
            (args.output / f"{folder}_{name}.json").write_text(figures + "\n")
    print(f"Written to {args.output}.")


def _arguments(
    package: str, experiments: Mapping[str, str], description: str, options: Mapping[str, str]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(experiments))
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, rougher figures")
    parser.add_argument("--output", type=pathlib.Path, help="folder; with --quick a temporary one")
    for name, text in options.items():
        parser.add_argument(f"--{name}", type=_positive, help=text)
    args = parser.parse_args()
    if args.output is None:  # rough figures must not replace the committed ones
        args.output = pathlib.Path(tempfile.mkdtemp()) if args.quick else _results(package)
    if unknown := set(args.names) - set(experiments):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(experiments)}")
    return args


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more; got {number}")
    return number


def _results(package: str) -> pathlib.Path:
    spec = importlib.util.find_spec(package)
    return pathlib.Path(spec.origin).parents[1] / "results"
