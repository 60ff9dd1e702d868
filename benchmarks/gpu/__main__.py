"""Measure certification on a GPU: ``python -m benchmarks.gpu [--dry-run] [--cases ...]``."""

import argparse
import json
import pathlib
import re
from typing import Any

import torch

from ..environment import describe
from .measure import FORMS, measure
from .nets import CASES
from .report import to_markdown

_RESULTS = pathlib.Path(__file__).parents[1] / "results"


def main() -> None:
    args = _arguments()
    device = "cpu" if args.dry_run else "cuda"
    forms = args.forms or [
        form for form, names in FORMS.items() if not (args.dry_run and "compile" in names)
    ]
    sizes = {"n": args.n, "n0": 8 if args.dry_run else 100, "images": args.images}
    results: dict[str, Any] = {"about": _about(args.command, device), **sizes, "cases": []}
    for name in args.cases or CASES:
        case = CASES[name].shrunk() if args.dry_run else CASES[name]
        measured = []
        for form in forms:
            try:
                measured.append(measure(case, form, device=device, **sizes))
            except torch.cuda.OutOfMemoryError as error:
                measured.append({"form": form, "error": str(error).partition(".")[0]})
            print(f"{name}, {form}: done", flush=True)
        results["cases"].append(
            {
                "name": name,
                "title": case.title,
                "paper_seconds": case.paper_seconds,
                "target_seconds": case.target_seconds,
                "forms": measured,
            }
        )
    page = to_markdown(results)
    print(page)
    folder = args.output or (None if args.dry_run else _RESULTS)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = "gpu_" + re.sub(r"[^a-z0-9]+", "_", results["about"]["device"].lower()).strip("_")
        (folder / f"{stem}.md").write_text(page)
        (folder / f"{stem}.json").write_text(json.dumps(results, indent=1) + "\n")


def _about(command: str, device: str) -> dict[str, Any]:
    about = describe(command)
    name = torch.cuda.get_device_name() if device == "cuda" else "dry run"
    return {key: about[key] for key in ("command", "date", "cpu", "python", "versions")} | {
        "device": name,
        "cuda": torch.version.cuda,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="small, on a processor; no files")
    parser.add_argument("--n", type=int, help="draws an image: 100,000, or 32 in a dry run")
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--cases", nargs="*", choices=CASES, help="only these")
    parser.add_argument("--forms", nargs="*", choices=FORMS, metavar="FORM", help="only these")
    parser.add_argument("--output", type=pathlib.Path, help="folder; benchmarks/results if absent")
    args = parser.parse_args()
    args.n = args.n or (32 if args.dry_run else 100_000)
    if not args.dry_run and not torch.cuda.is_available():
        parser.error("no CUDA device was found; --dry-run does without")
    words = ["python -m benchmarks.gpu"] + ["--dry-run"] * args.dry_run
    words += [f"--n {args.n}", f"--images {args.images}"]
    words += ["--cases", *args.cases] if args.cases else []
    words += ["--forms", *(f'"{form}"' for form in args.forms)] if args.forms else []
    args.command = " ".join(words)  # not as typed: the output folder concerns nobody
    return args


if __name__ == "__main__":
    main()
