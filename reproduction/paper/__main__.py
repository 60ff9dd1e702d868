"""Make tables and figures of the paper: ``python -m reproduction.paper [NAME ...]``."""

import argparse
import importlib
import os
import pathlib
import sys
import tempfile
import time

from benchmarks.environment import restart_steady

from .entries import ELSEWHERE, ENTRIES, listing

_DATA = "SKSMOOTH_DATA"
_RESULTS = pathlib.Path(__file__).parents[1] / "results" / "paper"


def main() -> None:
    """Run what the command line names."""
    args = _arguments()
    if args.list:
        print(listing())
        return
    restart_steady("reproduction.paper")
    # only now: numpy reads the number of threads when it is loaded
    output = importlib.import_module("reproduction.paper.output")
    missing = importlib.import_module("reproduction.paper.data").MISSING
    data = _at_hand(args.data)
    if args.output is None:  # rough or other figures must not replace the committed ones
        other = _RESULTS if data == "mnist" else _RESULTS.with_name(f"paper_{data}")
        args.output = pathlib.Path(tempfile.mkdtemp()) if args.quick else other
    options = output.Options(
        quick=args.quick,
        output=args.output,
        data=data,
        folder=args.folder,
        nets=args.nets,
        logs=args.logs,
    )
    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or ENTRIES:
        if name in ELSEWHERE:
            print(f"{name} is not drawn here: {ELSEWHERE[name]}")
            continue
        entry = ENTRIES[name]
        start = time.perf_counter(), time.process_time()
        try:
            module = importlib.import_module(f"reproduction.paper.{entry.module}")
            result = getattr(module, entry.function)(options)
        except (*missing, ModuleNotFoundError) as reason:
            print(f"{name} was left out: {reason}", flush=True)
            continue
        seconds = time.perf_counter() - start[0], time.process_time() - start[1]
        output.write(options, name, entry.shows, result, _command(args, name), seconds)
        print(f"{name}: {result.close} ({seconds[0]:.0f} s)", flush=True)
    output.write_summary(options)
    print(f"Written to {args.output}.")


def _at_hand(data: str) -> str:
    if data == "mnist" and not pathlib.Path(os.environ.get(_DATA, ""), "mnist.npz").exists():
        print(f"No mnist.npz in a folder {_DATA}: digits of scikit-learn take its place.")
        return "digits"
    return data


def _command(args: argparse.Namespace, name: str) -> str:
    parts = ["python", "-m", "reproduction.paper", *["--quick"] * args.quick]
    if args.data != "mnist":
        parts += ["--data", args.data]
    # folders are somebody's own: that they were given matters, not where they lie
    parts += [word for key in ("folder", "nets", "logs") if vars(args)[key] for word in _given(key)]
    return " ".join([*parts, name])


def _given(key: str) -> tuple[str, str]:
    return f"--{key}", "FOLDER"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m reproduction.paper", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of --list; all if none is given")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures")
    parser.add_argument(
        "--data",
        choices=("mnist", "digits", "cifar10", "imagenet"),
        default="mnist",
        help="images of what is trained or shown; the last two need a CUDA device for training",
    )
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        help="CIFAR-10 as torchvision keeps it, or the validation images of ImageNet by class",
    )
    parser.add_argument(
        "--nets",
        type=pathlib.Path,
        help="checkpoints of the authors: cifar10/resnet110/noise_0.25/checkpoint.pth.tar, ...",
    )
    parser.add_argument(
        "--logs",
        type=pathlib.Path,
        help="logs in the authors' format, noise_0.25/test/sigma_0.25 and so on, of any length",
    )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        help="folder; else reproduction/results/paper, with --quick a temporary one, and with "
        "other data than MNIST one beside it",
    )
    args = parser.parse_args()
    if unknown := set(args.names) - {*ENTRIES, *ELSEWHERE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; --list says what there is")
    return args


if __name__ == "__main__":
    sys.exit(main())
