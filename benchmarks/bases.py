"""Which base takes which columns, and how it is certified: ``python -m benchmarks.bases``.

The credit table of SKSMOOTH_DATA, with noise on its numbers. Every classifier of scikit-learn and
of the boosting libraries is fitted on four versions of it and certifies one row by sampling.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators

from sksmooth import SmoothedClassifier

from .environment import restart_steady
from .page import Page, table

_PAGE = pathlib.Path(__file__).parent / "results" / "bases.md"
_TEXT = """\
The credit table: {rows:,} rows, 9 columns of numbers with noise of a tenth of their deviation, and
4 columns of text without noise. *Numbers* is the table without text and gaps, as an array. *Text*
has the text, in front of the base a one-hot encoder and a scaler in a `ColumnTransformer`.
*Categories* has it as pandas categories, for bases that split on these themselves. *Gaps* is the
text with all gaps: an imputer comes before the scaler, or the base takes gaps itself.

`exact`: probabilities are computed. Otherwise they are sampled, and the figure is the rate of draws
of `certify`, noise and counting included, over the rate at which the base alone answers prepared
frames or arrays of 10,000 rows; the median of {rounds} rounds of one after the other. The base's
answers to 1,000 rows are compared with those of a smoother around it, frozen, at a noise of 1e-6
deviations: the number of rows that differ is given if it is not 0, without rows whose answer
changes if the numbers move by 1e-5 or 1e-6 deviations, up or down. *Frozen*: scikit-learn cannot
clone this base, so it is fitted without noise, and frozen. The message of a base that refuses its
data is shortened."""
_WITHOUT = {  # need another X or y, or other estimators around
    *("ClassifierChain", "MultiOutputClassifier", "CategoricalNB", "FixedThresholdClassifier"),
    *("OutputCodeClassifier", "TunedThresholdClassifierCV", "SelfTrainingClassifier"),
    *("StackingClassifier", "OneVsOneClassifier", "DummyClassifier"),
    "GaussianProcessClassifier",  # minutes
}

_NATIVE: dict[str, dict[str, Any]] = {
    "HistGradientBoostingClassifier": {"categorical_features": "from_dtype"},
    "XGBClassifier": {"enable_categorical": True},
    "CatBoostClassifier": {"cat_features": ["Home", "Marital", "Records", "Job"]},
    "LGBMClassifier": {},
    "ExplainableBoostingClassifier": {},
}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A version of the table, and what stands between it and a base."""

    name: str
    X: Any
    y: Any
    around: Callable[[Any], Any | None]

    def sigma(self, part: float) -> Any:
        """Return noise for the numbers: a part of each one's deviation."""
        if isinstance(self.X, np.ndarray):
            return part * self.X.std(axis=0)
        numbers = self.X.select_dtypes("number").columns
        return {name: part * float(self.X[name].std(ddof=0)) for name in numbers} | {"*": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bases", description=__doc__)
    parser.add_argument("names", nargs="*", help="only bases with one of these in their names")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    restart_steady("benchmarks.bases")
    kinds = list(_kinds())
    rows = []
    for name, make in _bases():
        if args.names and not any(word in name for word in args.names):
            continue
        rows.append([name, *(_result(make, kind, args.rounds) for kind in kinds)])
        print(*rows[-1], sep=" | ", flush=True)
    if args.names:
        return
    text = _TEXT.format(rows=len(kinds[-1].X), rounds=args.rounds)
    blocks = [text, table(["base", *(kind.name for kind in kinds)], rows)]
    libraries = ("pandas", "xgboost", "lightgbm", "catboost", "interpret-core", "imbalanced-learn")
    page = Page("Bases and kinds of columns", blocks, libraries=libraries)
    _PAGE.write_text(page.to_markdown("python -m benchmarks.bases"))


def _kinds() -> Iterator[Kind]:
    """Give the versions of the table."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None:
        raise SystemExit("SKSMOOTH_DATA is not set: it should name the folder with the data.")
    credit = pd.read_csv(pathlib.Path(folder, "tables", "credit.csv"))
    y, X = (credit.pop("Status") == "good").to_numpy(dtype=int), credit
    whole = X.notna().all(axis=1).to_numpy()
    numbers = X.select_dtypes("number").columns
    texts = [name for name in X.columns if name not in numbers]
    scaled = X.loc[whole, numbers].to_numpy(dtype=np.float64)

    def encoded(base: Any, *steps: Any) -> Any:
        if _is_of_skrub(base):
            return base
        text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        number = make_pipeline(*steps, MinMaxScaler() if _positive(base) else StandardScaler())
        return make_pipeline(ColumnTransformer([("t", text, texts), ("n", number, numbers)]), base)

    def behind_a_scaler(base: Any) -> Any:
        return base if _is_of_skrub(base) else make_pipeline(StandardScaler(), base)

    yield Kind("numbers", scaled, y[whole], behind_a_scaler)
    yield Kind("text", X[whole], y[whole], encoded)
    categories = X[whole].astype(dict.fromkeys(texts, "category"))
    yield Kind("categories", categories, y[whole], _natively)
    yield Kind("gaps", X, y, lambda base: encoded(base, SimpleImputer(strategy="median")))


def _natively(base: Any) -> Any | None:
    """Return a base that splits on categories, set to do so; None for others."""
    options = {} if _is_of_skrub(base) else _NATIVE.get(type(base).__name__)
    return None if options is None else base.set_params(**options)


def _is_of_skrub(base: Any) -> bool:
    """Whether a base is a Pipeline of skrub, which takes tables as they are."""
    return isinstance(base, Pipeline) and type(base[0]).__module__.startswith("skrub")


def _positive(base: Any) -> bool:
    return type(base).__name__ in {"MultinomialNB", "ComplementNB"}


def _bases() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give the bases by name, small and with their seeds set."""
    small = {"n_estimators": 30, "max_iter": 100, "random_state": 0, "n_jobs": 1}
    inner = LogisticRegression(max_iter=500)
    made = {
        "BaggingClassifier": lambda: BaggingClassifier(DecisionTreeClassifier(), random_state=0),
        "VotingClassifier": lambda: VotingClassifier(
            [("a", inner), ("b", DecisionTreeClassifier())]
        ),
        "OneVsRestClassifier": lambda: OneVsRestClassifier(inner),
    }
    for name, kind in all_estimators("classifier"):
        if name in _WITHOUT:
            continue

        def make(kind: Any = kind, name: str = name) -> Any:
            if name in made:
                return made[name]()
            model = kind()
            known = model.get_params()
            return model.set_params(**{k: v for k, v in small.items() if k in known})

        yield name, make
    stumps = {"max_depth": 1, "random_state": 0}
    yield "GradientBoosting, stumps", lambda: GradientBoostingClassifier(**stumps)
    yield (
        "HistGradientBoosting, no interactions",
        lambda: HistGradientBoostingClassifier(
            interaction_cst="no_interactions", early_stopping=False, max_iter=30
        ),
    )
    with contextlib.suppress(ImportError):
        import xgboost

        for depth in (6, 1):
            yield (
                f"XGBoost, depth {depth}",
                lambda depth=depth: xgboost.XGBClassifier(
                    n_estimators=50, max_depth=depth, n_jobs=1, random_state=0
                ),
            )
    with contextlib.suppress(ImportError):
        import lightgbm

        for leaves in (31, 2):
            yield (
                f"LightGBM, {leaves} leaves",
                lambda leaves=leaves: lightgbm.LGBMClassifier(
                    n_estimators=50, num_leaves=leaves, n_jobs=1, random_state=0, verbose=-1
                ),
            )
    with contextlib.suppress(ImportError):
        import catboost

        yield (
            "CatBoost",
            lambda: catboost.CatBoostClassifier(
                iterations=50,
                thread_count=1,
                random_seed=0,
                verbose=False,
                allow_writing_files=False,
            ),
        )
    with contextlib.suppress(ImportError):
        from interpret.glassbox import ExplainableBoostingClassifier

        yield "EBM", lambda: ExplainableBoostingClassifier(interactions=0, n_jobs=1, outer_bags=2)
    with contextlib.suppress(ImportError):
        import skrub

        yield "skrub, LogisticRegression", lambda: skrub.tabular_pipeline(inner)
        yield (
            "skrub, HistGradientBoosting",
            lambda: skrub.tabular_pipeline(HistGradientBoostingClassifier(max_iter=30)),
        )
    with contextlib.suppress(ImportError):
        from imblearn.over_sampling import RandomOverSampler
        from imblearn.pipeline import make_pipeline as imblearn_pipeline

        yield (
            "RandomOverSampler + LogisticRegression",
            lambda: imblearn_pipeline(RandomOverSampler(random_state=0), inner),
        )


def _result(make: Callable[[], Any], kind: Kind, rounds: int) -> str:
    """Return what happens to a base on a version of the table, in few words."""
    base = kind.around(make())
    if base is None:
        return ""
    X, y = kind.X[:1500], kind.y[:1500]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cloneable = _is_cloneable(base)
            base = base if cloneable else FrozenEstimator(base.fit(X, y))
            clf = SmoothedClassifier(base, kind.sigma(0.1), n=20_000, random_state=0).fit(X, y)
            form = clf.certify(X[:2]).method == "exact"
            words = ["exact"] if form else [f"{_share(clf, X, rounds):.2f}"]
            words += [] if cloneable else ["frozen"]
        except Exception as error:
            return f"refused: {str(error).strip().splitlines()[0][:100]}"
        differ = _differences(make, kind)
    return ", ".join(words + ([f"{differ} differ"] if differ else []))


def _is_cloneable(base: Any) -> bool:
    """Whether scikit-learn can clone it: not CatBoost with `cat_features`."""
    try:
        clone(base)
    except RuntimeError:
        return False
    return True


def _share(clf: SmoothedClassifier, X: Any, rounds: int) -> float:
    """Return the rate of draws over the rate of the base alone."""
    place = np.random.default_rng(0).integers(len(X), size=10_000)
    batch = X[place] if isinstance(X, np.ndarray) else X.iloc[place]
    base, ratios = clf.estimator_, []
    base.predict(batch)
    for _ in range(rounds):
        start = time.process_time()
        base.predict(batch)
        middle = time.process_time()
        clf.certify(X[:1])
        draws = clf.n + clf.n0
        own = (middle - start) / len(batch)
        ratios.append(own * draws / (time.process_time() - middle))
    return float(np.median(ratios))


def _differences(make: Callable[[], Any], kind: Kind) -> int:
    """Return how many rows the smoother answers otherwise than the base, with next to no noise.

    Rows count whose answer stays when their numbers change a little.
    """
    rows = kind.X[:1000]
    plain = kind.around(make()).fit(kind.X[:1500], kind.y[:1500])
    clf = SmoothedClassifier(
        FrozenEstimator(plain), kind.sigma(1e-6), n_predict=1, abstain_label=None, random_state=0
    )
    answers = plain.predict(rows)
    differ = clf.fit(rows, kind.y[:1000]).predict(rows) != answers
    rng = np.random.default_rng(0)
    for by in 40 * (1e-5, 1e-6):
        differ &= plain.predict(_moved(rows, kind.sigma(by), rng)) == answers
    return int(differ.sum())


def _moved(rows: Any, by: Any, rng: np.random.Generator) -> Any:
    """Return rows whose numbers are changed by so much, up or down."""

    def moves() -> Any:
        return rng.choice([-1.0, 1.0], size=len(rows))

    if isinstance(rows, np.ndarray):
        return rows + by * np.stack([moves() for _ in by], axis=1)
    return rows.assign(**{name: rows[name] + by[name] * moves() for name in by if name != "*"})


if __name__ == "__main__":
    main()
