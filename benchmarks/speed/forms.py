"""How fast nets are in other forms, beside the net as it is: ``-m benchmarks.speed.forms``."""

import argparse
import copy
import dataclasses
import json
import pathlib
import shutil
import statistics
from typing import Any

from ..environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_FORMS = ("fold", "channels_last", "bfloat16", "compile")
_DRAWS = {"ResNet-20, 3x32x32": 512, "CNN, 2 convolutions, 1x28x28": 38_400}
_TEXT = """\
Draws a second of `certify` with `shortcuts=` a form, over those of the net as it is: medians of
{rounds} rounds, in which the net as it is comes before and after each turn of all the forms;
processor time, one thread, images of bytes / 255, and the batch length that `certify` chooses. What
is done once is not counted: making a form, comparing it with the module and compiling it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--forms", nargs="*", default=_FORMS, choices=_FORMS)
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    args = parser.parse_args()
    restart_steady("benchmarks.speed.forms")
    forms = [form for form in args.forms if form != "compile" or shutil.which("g++")]
    about = describe("python -m benchmarks.speed.forms")
    results = {"about": about, "cases": _cases(forms, args.rounds)}
    lines = [
        f"| {case['title']} | {case['batch_size']} | {case['plain']:,.0f} | "
        + " | ".join(f"{case['ratios'][form]:.2f}" for form in forms)
        + " |"
        for case in results["cases"]
    ]
    head = f"| net | batch | plain, draws/s | {' | '.join(forms)} |\n{'|---' * (3 + len(forms))}|\n"
    page = (
        f"# Forms of nets\n\n`{about['command']}`, {about['date']}; {about['cpu']}, "
        f"{about['threads']} thread; allocator: {about['allocator']}; torch "
        f"{about['versions']['torch']}.\n\n{_TEXT.format(rounds=args.rounds)}\n\n{head}"
        + "\n".join(lines)
        + "\n"
    )
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "speed_forms.md").write_text(page)
    (args.output / "speed_forms.json").write_text(json.dumps(results, indent=1) + "\n")


def _cases(forms: list[str], rounds: int) -> list[dict[str, Any]]:
    import torch

    from .cases import Case, resnet20, small_cnn
    from .contestants import Work, block_rows, certify, smoother_of
    from .timing import fractions, interleave, rate

    torch.set_num_threads(1)
    results = []
    for case in (resnet20(), small_cnn()):
        case = dataclasses.replace(case, X=case.X[:1], n=_DRAWS[case.title])

        def in_form(form: str | None, case: Case = case) -> Work:
            clf = copy.copy(case.clf).set_params(shortcuts=form)
            return certify(dataclasses.replace(case, clf=clf))

        times = interleave(in_form(None), {form: in_form(form) for form in forms}, rounds)
        ratios = {form: statistics.median(fractions(times, form)) for form in forms}
        block = block_rows(case.X[0].size)  # certify draws whole blocks
        asked = smoother_of(case.clf).sampler(case.X).backend.batch_rows(case.X[0])
        results.append(
            {
                "title": case.title,
                "n": case.n,
                "batch_size": max(1, round(asked / block)) * block,
                "plain": rate(times["limit"]),
                "ratios": ratios,
            }
        )
        print(results[-1], flush=True)
    return results


if __name__ == "__main__":
    main()
