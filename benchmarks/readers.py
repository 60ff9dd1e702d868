"""Readers of XGBoost, LightGBM, CatBoost and EBM against the libraries: ``-m benchmarks.readers``.

20 models a library: are their readings, on probes next to thresholds, what ``predict`` answers? Do
draws contradict what is computed from them? And how much faster than sampling is that?
"""

import argparse
import json
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .environment import describe, restart_steady
from .page import table, verdict

_RESULTS = pathlib.Path(__file__).parent / "results"
_SIGMA, _ROWS, _PROBES = 0.4, 2, 100_000
_LEVEL = 1e-3  # of all comparisons with draws together
_TIMES = {"XGBoost": 300, "LightGBM": 300, "CatBoost": 300, "EBM": 50}
_TEXT = """\
Probes: {probes:,} noisy rows a model, half of them with an input at a point where the reading
steps, or at a neighbour of it in float32 or float64; *sure* is the share of them at which the
reading is sure of the answer, *wrong* how many of these `predict` answers otherwise. Draws: the
interval in which the top class's probability is proved to lie, of those {rows} of 40 rows in which
it is nearest to 0.7, beside the votes of {n:,} draws each; `p` is the smallest p-value of an exact
binomial test of the interval's nearest end. With all of them together, at level {level}, a p-value
below {limit:.1e} would be a contradiction. A model that is not computed is sampled: *refused* says
why. EBM has no trees; few bins stand for a single one."""
_SPEED = """\
Breast cancer, 30 columns in units of their deviations, two classes, sigma {sigma}: processor time a
row, one thread, medians of 3 rounds; the reading of the model, once a call, is not counted. Sampled
with n = 100,000: through `predict` with numpy's noise, and by shortcuts with compiled noise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000, help="draws for each row")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    args = parser.parse_args()
    restart_steady("benchmarks.readers")
    warnings.simplefilter("ignore")
    about = describe(f"python -m benchmarks.readers{f' --n {args.n}' * (args.n != 1_000_000)}")
    cases, speeds = [], []
    for library, models in _LIBRARIES.items():
        for name, model, X in models():
            cases.append({"library": library, "model": name, **_compare(model, X, args.n)})
        print(f"{library} done", flush=True)
    for library in _LIBRARIES:
        speeds.append({"library": library, **_time(library)})
        print(speeds[-1], flush=True)
    page = _page(about, cases, speeds, args.n)
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "readers.md").write_text(page)
    figures = json.dumps({"about": about, "cases": cases, "speed": speeds}, indent=1)
    (args.output / "readers.json").write_text(figures + "\n")


def _page(about: Any, cases: list[Any], speeds: list[Any], n: int) -> str:
    compared = [case for case in cases if case["form"]]
    limit = _LEVEL / (_ROWS * len(compared))
    wrong = sum(case["wrong"] for case in compared) + sum(case["p"] < limit for case in compared)
    rows = [
        [case["library"], case["model"], case["form"] or f"refused: {case['reason']}"]
        + (
            [f"{case['sure']:.4f}", case["wrong"], f"{case['p']:.2g}"]
            if case["form"]
            else ["-"] * 3
        )
        for case in cases
    ]
    times = [
        [
            case["library"],
            f"{case['exact_us']:,.0f}",
            f"{case['plain_us'] / 1e3:,.1f}",
            f"{case['sampled_us'] / 1e3:,.1f}",
            f"**{case['plain_us'] / case['exact_us']:,.0f}**",
            f"{case['sampled_us'] / case['exact_us']:,.0f}",
            f"{_TIMES[case['library']]} times, "
            + verdict(case["plain_us"] >= _TIMES[case["library"]] * case["exact_us"]),
        ]
        for case in speeds
    ]
    text = _TEXT.format(probes=_PROBES, rows=_ROWS, n=n, level=_LEVEL, limit=limit)
    head = ["library", "computed, us", "sampled by predict, ms", "sampled, ms", "ratio to predict"]
    return (
        "\n\n".join(
            [
                "# Readers",
                f"`{about['command']}`, {about['date']}; {about['cpu']}; {_versions()}.",
                f"{len(cases)} models, {len(compared)} computed: **{wrong} contradictions**.",
                text,
                table(["library", "model", "form", "sure", "wrong", "smallest p"], rows),
                "## Speed",
                _SPEED.format(sigma=_SIGMA),
                table([*head, "ratio", "asked"], times),
            ]
        )
        + "\n"
    )


def _versions() -> str:
    from importlib.metadata import version

    names = ("numpy", "scikit-learn", "xgboost", "lightgbm", "catboost", "interpret-core")
    return ", ".join(f"{name} {version(name)}" for name in names)


def _compare(model: Any, X: Any, n: int) -> dict[str, Any]:
    """Compare a model's closed form with its answers to probes, and to draws."""
    import numpy as np
    from scipy import stats
    from sklearn.frozen import FrozenEstimator

    from sksmooth import SmoothedClassifier
    from sksmooth.closed_forms.readers import read
    from sksmooth.estimators.smoother import smoother_of

    X = X[~np.isnan(X).any(axis=1)]
    clf = SmoothedClassifier(FrozenEstimator(model), _SIGMA, method="exact", random_state=0)
    clf.fit(X, np.resize(model.classes_, len(X)))
    try:
        exact = clf.certify(X[:40])
    except ValueError as reason:
        return {"form": None, "reason": str(reason).partition(": ")[2].split(". ")[0][:90]}
    nearest_first = np.argsort(np.abs(exact.p_lower - 0.7), kind="stable")
    rows = X[:40][nearest_first[:_ROWS]]
    exact = clf.certify(rows)
    closed = smoother_of(clf).closed_form(rows)
    assert closed is not None
    probes = _probes(read(model), X)
    found, sure = closed.form.decide(probes)
    answers = np.ravel(model.predict(probes))
    wrong = sure & (np.asarray(model.classes_)[found] != answers)
    sampled = clf.set_params(method="montecarlo").certify(rows, n=n, bound="two-sided")
    columns = np.searchsorted(clf.classes_, exact.selected)
    votes = sampled.counts[np.arange(len(rows)), columns]
    low, high = exact.p_lower, np.minimum(exact.p_lower + exact.width, 1.0)
    nearest = np.clip(votes / n, low, high)
    p = [stats.binomtest(int(k), n, q).pvalue for k, q in zip(votes, nearest, strict=True)]
    return {
        "form": exact.form,
        "sure": float(sure.mean()),
        "wrong": int(wrong.sum()),
        "p": float(min(p)),
        "width": float(exact.width.max()),
    }


def _probes(ensemble: Any, X: Any) -> Any:
    """Return noisy rows, half of them with an input at a point of the trees, or next to one."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = X[rng.integers(len(X), size=_PROBES)]
    rows = rows + _SIGMA * rng.standard_normal(rows.shape)
    columns, points = ensemble.splits
    finite = np.isfinite(points)
    pick = rng.integers(finite.sum(), size=_PROBES // 2)
    columns, wide = columns[finite][pick], points[finite][pick]
    single = wide.astype(np.float32)
    near = [single, *(np.nextafter(single, np.float32(s * np.inf)) for s in (-1, 1))]
    near = [wide, *(values.astype(np.float64) for values in near)]
    near = np.stack([np.nextafter(v, s) for v in near for s in (-np.inf, v, np.inf)])
    lines = np.arange(len(pick))
    rows[lines, columns] = near[rng.integers(len(near), size=len(pick)), lines]
    return rows


def _time(library: str) -> dict[str, Any]:
    """Time a row of breast cancer: computed, and sampled in two ways."""
    from sklearn.datasets import load_breast_cancer

    from sksmooth import SmoothedClassifier
    from sksmooth.noise.fast import load, use

    X, y = load_breast_cancer(return_X_y=True)
    X /= X.std(axis=0)
    clf = SmoothedClassifier(_additive(library), _SIGMA, random_state=0).fit(X, y)

    def exact() -> int:
        clf.set_params(method="exact").certify(X)
        return len(X)

    def sampled(shortcuts: Any) -> Callable[[], int]:
        def work() -> int:
            clf.set_params(method="montecarlo", shortcuts=shortcuts).certify(X[:2], n=100_000)
            return 2

        return work

    ways = {"exact_us": exact, "sampled_us": sampled("auto"), "plain_us": sampled(None)}
    times: dict[str, list[float]] = {way: [] for way in ways}
    exact()
    loops = load()
    for _ in range(3):
        for way, work in ways.items():
            use(loops if way == "sampled_us" else None)
            start = time.process_time()
            done = work()
            times[way].append(1e6 * (time.process_time() - start) / done)
    return {way: statistics.median(values) for way, values in times.items()}


def _data(k: int, d: int, gaps: float = 0.0) -> tuple[Any, Any]:
    """Return rows, and classes of 90 and 10 %, or of 50, 30 and 20 %: no score begins at 0."""
    import numpy as np

    rng = np.random.default_rng(k)
    X = rng.normal(size=(600, d))
    score = X[:, 0] + np.sin(2 * X[:, 1]) + 0.3 * X[:, 2:].sum(axis=1) + 0.5 * rng.normal(size=600)
    y = np.searchsorted(np.quantile(score, [0.9] if k == 2 else [0.5, 0.8]), score)
    X[rng.random(X.shape) < gaps] = np.nan
    return X, y


def _held_out(X: Any, y: Any) -> tuple[Any, Any]:
    """Return a validation set on which training stops half way: some labels are wrong."""
    return X[::3], (y[::3] + (X[::3, 0] > 1.0)) % 2


# shapes: what makes a model computable, and how many inputs it has
_SHAPES = {"additive": 8, "few inputs": 2, "single tree": 5}
_KINDS = ("binary", "three classes", "missing values", "monotone", "weights", "early stopping")


def _models(make: Callable[..., Any], categories: Callable[[Any, Any, int], Any]) -> Any:
    """Return what yields 20 models of a library: shapes times kinds, and categorical splits."""

    def models() -> Iterator[tuple[str, Any, Any]]:
        import numpy as np

        for shape, d in _SHAPES.items():
            for kind in _KINDS:
                k = 3 if kind == "three classes" else 2
                X, y = _data(k, d, 0.1 if kind == "missing values" else 0.0)
                fit = {"sample_weight": np.arange(len(y)) % 5 + 0.5} if kind == "weights" else {}
                yield f"{shape}, {kind}", make(shape, kind, X, y, fit), X
        for k in (2, 3):
            X, y = _data(k, 2)
            X[:, 1] = np.digitize(X[:, 1], [-1, 0, 1])
            yield f"categorical splits, {k} classes", categories(X, y, k), X

    return models


def _xgboost(shape: str, kind: str, X: Any, y: Any, fit: dict[str, Any]) -> Any:
    from xgboost import XGBClassifier

    shapes = {
        "additive": {"max_depth": 1, "n_estimators": 80},
        "few inputs": {"max_depth": 4, "n_estimators": 20},
        "single tree": {"max_depth": 5, "n_estimators": 1},
    }
    options = {**shapes[shape], "n_jobs": 1}
    if kind == "monotone":
        options["monotone_constraints"] = (1, *[0] * (X.shape[1] - 1))
    if kind == "early stopping":
        options["early_stopping_rounds"] = 3
        fit = {"eval_set": [_held_out(X, y)], "verbose": False}
    return XGBClassifier(**options).fit(X, y, **fit)


def _xgboost_categories(X: Any, y: Any, k: int) -> Any:
    from xgboost import XGBClassifier

    options = {"enable_categorical": True, "feature_types": ["q", "c"], "max_cat_to_onehot": 1}
    return XGBClassifier(n_estimators=5, n_jobs=1, **options).fit(X, y)


def _lightgbm(shape: str, kind: str, X: Any, y: Any, fit: dict[str, Any]) -> Any:
    from lightgbm import LGBMClassifier

    shapes = {
        "additive": {"max_depth": 1, "n_estimators": 80},
        "few inputs": {"num_leaves": 15, "n_estimators": 20},
        "single tree": {"num_leaves": 20, "n_estimators": 1},
    }
    options = {**shapes[shape], "n_jobs": 1, "verbose": -1}
    if kind == "monotone":
        options["monotone_constraints"] = [1, *[0] * (X.shape[1] - 1)]
    if kind == "early stopping":
        options["early_stopping_round"] = 3
        fit = {"eval_set": [_held_out(X, y)]}
    return LGBMClassifier(**options).fit(X, y, **fit)


def _lightgbm_categories(X: Any, y: Any, k: int) -> Any:
    from lightgbm import LGBMClassifier

    options = {"min_data_per_group": 1, "cat_smooth": 0.0}
    model = LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1, **options)
    return model.fit(X, y, categorical_feature=[1])


def _catboost(shape: str, kind: str, X: Any, y: Any, fit: dict[str, Any]) -> Any:
    from catboost import CatBoostClassifier

    shapes = {
        "additive": {"depth": 1, "iterations": 80},
        "few inputs": {"depth": 4, "iterations": 20},
        "single tree": {"depth": 4, "iterations": 1},
    }
    options = {"thread_count": 1, "verbose": 0, "allow_writing_files": False, **shapes[shape]}
    if kind == "monotone":
        options["monotone_constraints"] = [1, *[0] * (X.shape[1] - 1)]
    if kind == "early stopping":
        options["early_stopping_rounds"] = 3
        fit = {"eval_set": _held_out(X, y)}
    return CatBoostClassifier(**options).fit(X, y, **fit)


def _catboost_categories(X: Any, y: Any, k: int) -> Any:
    import pandas
    from catboost import CatBoostClassifier

    frame = pandas.DataFrame({"number": X[:, 0], "kind": X[:, 1].astype(int)})
    options = {"thread_count": 1, "verbose": 0, "allow_writing_files": False}
    return CatBoostClassifier(iterations=5, cat_features=["kind"], **options).fit(frame, y)


def _ebm(shape: str, kind: str, X: Any, y: Any, fit: dict[str, Any]) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier

    shapes = {
        "additive": {"interactions": 0},
        "few inputs": {"interactions": 1, "max_bins": 64},
        "single tree": {"interactions": 0, "max_bins": 8},  # it has none: few bins
    }
    options = {"outer_bags": 2, "max_rounds": 100, "n_jobs": 1, **shapes[shape]}
    if kind == "monotone":
        options["monotone_constraints"] = [1, *[0] * (X.shape[1] - 1)]
    if kind == "early stopping":
        options |= {"max_rounds": 2000, "early_stopping_rounds": 5}
    return ExplainableBoostingClassifier(**options).fit(X, y, **fit)


def _ebm_categories(X: Any, y: Any, k: int) -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier

    options = {"outer_bags": 2, "max_rounds": 50, "n_jobs": 1}
    types = ["continuous", "nominal"]
    return ExplainableBoostingClassifier(feature_types=types, **options).fit(X, y)


def _additive(library: str) -> Any:
    """Return a model of two classes that adds up functions of single inputs, to be timed."""
    if library == "XGBoost":
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=100, max_depth=1, n_jobs=1)
    if library == "LightGBM":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(n_estimators=100, max_depth=1, n_jobs=1, verbose=-1)
    if library == "CatBoost":
        from catboost import CatBoostClassifier

        quiet = {"thread_count": 1, "verbose": 0, "allow_writing_files": False}
        return CatBoostClassifier(iterations=1000, depth=1, **quiet)
    from interpret.glassbox import ExplainableBoostingClassifier

    return ExplainableBoostingClassifier(interactions=0, n_jobs=1, outer_bags=4)


_LIBRARIES: dict[str, Callable[[], Iterator[tuple[str, Any, Any]]]] = {
    "XGBoost": _models(_xgboost, _xgboost_categories),
    "LightGBM": _models(_lightgbm, _lightgbm_categories),
    "CatBoost": _models(_catboost, _catboost_categories),
    "EBM": _models(_ebm, _ebm_categories),
}


if __name__ == "__main__":
    main()
