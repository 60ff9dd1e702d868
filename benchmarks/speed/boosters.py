"""Boosters and slow wrappers beside their ceilings: ``python -m benchmarks.speed.boosters``."""

import argparse
import importlib.util
import itertools
import json
import pathlib
import statistics
from collections.abc import Callable
from typing import Any

from ..environment import describe, restart_steady
from ..page import table, verdict

_WORDS = ["radius", "texture"]
_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_N, _ROWS = 100_000, 4
_TARGET, _OF_FRAMES = 0.9, 0.8
_TEXT = """\
Sampling {rows} rows of the breast cancer data (30 columns in units of their deviations, sigma 0.5,
n = {n:,} each), in processor time, one thread: medians of {rounds} rounds in which all parts take
turns. *Base* is the base's own `predict` on one batch of {n:,} rows that are noisy already; *noise*
and *rest* (packing, tallying, counting) are what sampling does besides, each measured alone. The
ceiling is base / (base + noise + rest), what a loop could reach that asks `predict` and adds
nothing; a shortcut may pass it. Reached is base / time of `certify`; asked: at least {target} of
the ceiling, {frames} where the base gets *frames*: these have two columns of text more, without
noise, which the base encodes or splits on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only bases with one of these in their names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    args = parser.parse_args()
    restart_steady("benchmarks.speed.boosters")
    about = describe("python -m benchmarks.speed.boosters")
    cases = [
        _measure(name, base, args.rounds)
        for name, base in _bases()
        if any(word in name for word in args.names or [""])
    ]
    rows = [
        [
            case["base"],
            case["shortcut"],
            case["loops"],
            *(f"{case[part]:.3f}" for part in ("base_us", "noise_us", "rest_us", "certify_us")),
            f"{case['ceiling']:.2f}",
            f"{case['reached']:.2f}",
            f"**{case['reached'] / case['ceiling']:.2f}**, "
            + verdict(case["reached"] >= case["asked"] * case["ceiling"]),
        ]
        for case in itertools.chain.from_iterable(cases)
    ]
    head = ["base", "shortcut", "noise by", "base, us a draw", "noise", "rest", "certify"]
    head += ["ceiling", "reached", "of the ceiling"]
    page = "\n\n".join(
        [
            "# Boosters",
            f"`{about['command']}`, {about['date']}; {about['cpu']}; " + _versions(),
            _TEXT.format(n=_N, rows=_ROWS, rounds=args.rounds, target=_TARGET, frames=_OF_FRAMES),
            table(head, rows),
        ]
    )
    print(page)
    if args.names:
        return
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "boosters.md").write_text(page + "\n")
    (args.output / "boosters.json").write_text(
        json.dumps({"about": about, "cases": cases}, indent=1) + "\n"
    )


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("numpy", "scikit-learn", "xgboost", "lightgbm", "catboost", "numba"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found) + "."


def _bases() -> list[tuple[str, Any]]:
    from catboost import CatBoostClassifier
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline as imblearn_pipeline
    from lightgbm import LGBMClassifier
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
        VotingClassifier,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from xgboost import XGBClassifier

    members = [
        ("linear", LogisticRegression(max_iter=2000)),
        ("trees", RandomForestClassifier(20, random_state=0)),
    ]

    def encoded(model: Any) -> Any:
        text = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
        return make_pipeline(
            make_column_transformer((text, _WORDS), remainder=StandardScaler()), model
        )

    voting = VotingClassifier(members, voting="soft")
    return [
        ("XGBoost, 100 trees of depth 4", XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1)),
        ("XGBoost, 300 trees of depth 8", XGBClassifier(n_estimators=300, max_depth=8, n_jobs=1)),
        ("LightGBM, 100 trees", LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1)),
        (
            "CatBoost, 200 trees",
            CatBoostClassifier(
                iterations=200, thread_count=1, verbose=0, allow_writing_files=False
            ),
        ),
        ("GradientBoosting, 100 trees", GradientBoostingClassifier(random_state=0)),
        ("Voting of LogisticRegression and 20 trees", voting),
        ("the same behind StandardScaler", make_pipeline(StandardScaler(), voting)),
        (
            "SMOTE and LogisticRegression",
            imblearn_pipeline(SMOTE(random_state=0), LogisticRegression(max_iter=2000)),
        ),
        ("frames: encoder and LogisticRegression", encoded(LogisticRegression(max_iter=2000))),
        ("frames: encoder and HistGradientBoosting", encoded(HistGradientBoostingClassifier())),
        ("frames: HistGradientBoosting", HistGradientBoostingClassifier()),
        ("frames: LightGBM, 100 trees", LGBMClassifier(n_estimators=100, n_jobs=1, verbose=-1)),
        (
            "frames: XGBoost, 100 trees of depth 4",
            XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1, enable_categorical=True),
        ),
        (
            "frames: CatBoost, 200 trees",
            CatBoostClassifier(
                iterations=200, thread_count=1, verbose=0, allow_writing_files=False
            ),
        ),
    ]


def _data(name: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return rows, classes, sigma, and more for the fit."""
    import numpy as np
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    X /= X.std(axis=0)
    if not name.startswith("frames"):
        return X, y, 0.5, {}
    frame = pd.DataFrame(X).rename(columns=str)
    for j, word in enumerate(_WORDS):
        places = np.searchsorted(np.quantile(X[:, j], [0.2, 0.5, 0.8]), X[:, j])
        words = np.array(["small", "middling", "large", "huge"])[places]
        frame[word] = words if "encoder" in name or "CatBoost" in name else pd.Categorical(words)
    options = {"cat_features": _WORDS} if "CatBoost" in name else {}
    return frame, y, dict.fromkeys(map(str, range(30)), 0.5) | {"*": 0}, options


def _measure(name: str, base: Any, rounds: int) -> list[dict[str, Any]]:
    """Measure one base, with the noise of numpy and, if it is installed, of compiled loops."""
    import warnings

    import numpy as np

    from sksmooth import SmoothedClassifier
    from sksmooth.estimators.reading import read_rows
    from sksmooth.estimators.smoother import smoother_of
    from sksmooth.noise.fast import load, use
    from sksmooth.noise.streams import Purpose
    from sksmooth.sampling.count import count_votes

    from .timing import clock

    warnings.simplefilter("ignore")
    X, y, sigma, options = _data(name)
    clf = SmoothedClassifier(base, sigma, method="montecarlo", n0=100, random_state=0)
    clf.fit(X, y, **options)
    rows = X[20 : 20 + _ROWS]
    row, frame = read_rows(clf, rows[:1])
    batch, rng = np.repeat(row, _N, axis=0), np.random.default_rng(0)
    batch[:, :30] += 0.5 * rng.standard_normal((_N, 30))
    asked = batch if frame is None else frame(batch)
    sampler = smoother_of(clf, frame).sampler(row)
    still, silent = _Still(sampler.backend, batch), _Silent(sampler.noise)

    def counting(backend: Any, noise: Any) -> Callable[[], int]:
        def work() -> int:
            options = {"noise": noise, "seed": bytes(16), "purpose": Purpose.ESTIMATE}
            count_votes(backend, row, _N, **options)
            return _N

        return work

    def certify() -> int:
        clf.certify(rows, n=_N)
        return len(rows) * (100 + _N)

    ways: dict[str, Callable[[], int]] = {
        "base_us": lambda: len(clf.estimator_.predict(asked)),
        "noise_us": counting(still, sampler.noise),  # less the rest, below
        "rest_us": counting(still, silent),
        "certify_us": certify,
    }
    found, shortcut = [], clf.certify(rows[:1], n=1000).shortcut or "none"
    installed = importlib.util.find_spec("numba") is not None
    for loops in [None, load()] if installed else [None]:
        use(loops)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way, work in ways.items():
                taken = clock(work)
                if turn:  # the first warms up
                    times[way].append(1e6 * taken.cpu / taken.draws)
        case: dict[str, Any] = {way: statistics.median(t) for way, t in times.items()}
        case["noise_us"] -= case["rest_us"]
        case["ceiling"] = case["base_us"] / sum(
            case[part] for part in ("base_us", "noise_us", "rest_us")
        )
        case["reached"] = case["base_us"] / case["certify_us"]
        by = "numpy" if loops is None else "numba"
        case["asked"] = _TARGET if frame is None else _OF_FRAMES
        found.append({"base": name, "shortcut": shortcut, "loops": by, **case})
        print(found[-1], flush=True)
    return found


def _Still(backend: Any, batch: Any) -> Any:  # noqa: N802
    """Return a backend with the batches of another, whose answers are there already."""
    import numpy as np

    from sksmooth.backends import Backend

    class Still(Backend):
        n_classes = backend.n_classes
        answers = np.asarray(backend.classify(batch.copy()))

        def batch_rows(self, row: Any) -> int:
            return int(backend.batch_rows(row))

        def classify(self, batch: Any) -> Any:
            return self.answers[: len(batch)]

    return Still()


class _Silent:
    """A noise that draws nothing."""

    def __init__(self, noise: Any) -> None:
        self.name, self.noise = noise.name, noise

    def around(self, row: Any) -> Callable[[Any, Any], None]:
        return lambda stream, out: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.noise, name)


if __name__ == "__main__":
    main()
