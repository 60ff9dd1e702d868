"""Single features of the credit table, moved one at a time: ``python -m benchmarks.per_feature``.

Text is encoded inside the base, gaps stay gaps. Rows in which one feature alone was moved are
certified, and compared with that feature's interval of `per_feature`.
"""

import os
import pathlib
import sys
import time
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier

from .credit import RESULTS, TEXT, UNITS
from .environment import restart_steady
from .page import Page, table

N_ROWS, N_TRIALS, N_OUTSIDE = 40, 10_000, 100
JUST_OUTSIDE = 0.1  # units


def main() -> None:
    """Measure every model, and write the page."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None:
        sys.exit("The folder with tables/credit.csv must be named by SKSMOOTH_DATA.")
    restart_steady("benchmarks.per_feature")
    frame = pd.read_csv(pathlib.Path(folder) / "tables" / "credit.csv")
    frame[TEXT] = frame[TEXT].fillna("unknown").astype("category")
    y = frame.pop("Status").to_numpy()
    head = ["base", "form", "ms a row", "any amount", "finite: times R s", "inside", "outside"]
    lines = [[name, *measure(base, frame, y)] for name, base in models().items()]
    page = Page(
        "One feature at a time, on the credit table",
        [
            f"`per_feature` of {N_ROWS} rows and 9 features, sigma = 1 unit, in processor time: "
            + ", ".join(f"{name} {unit}" for name, unit in UNITS.items())
            + ". *any amount*: share of answers without an end on either side. *times R s*: the "
            "nearer end over R times the deviation, least and median. *inside*: answers proved to "
            f"be another class, of {N_TRIALS:,} random changes within the intervals. *outside*: "
            f"the same {JUST_OUTSIDE} units beyond finite ends; of the others, no class "
            "is proved so near to the edge.",
            table(head, lines),
        ],
        libraries=("pandas", "lightgbm", "xgboost"),
    )
    text = page.to_markdown("python -m benchmarks.per_feature")
    (RESULTS / "per_feature.md").write_text(text, encoding="utf-8")


def models() -> dict[str, Any]:
    """Return bases that take the table as it is, with its text as categories."""
    import lightgbm
    import xgboost

    alone = [[column] for column in range(len(UNITS) + len(TEXT))]
    named = [[column] for column in (*UNITS, *TEXT)]

    def encoded(model: Any, *steps: Any) -> Any:
        numbers = make_pipeline(SimpleImputer(), *steps) if steps else SimpleImputer()
        text = make_column_selector(dtype_exclude="number")
        return make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
                remainder=numbers,
            ),
            model,
        )

    return {
        "tree, depth 4": encoded(DecisionTreeClassifier(max_depth=4, random_state=0)),
        "tree, depth 8": encoded(DecisionTreeClassifier(max_depth=8, random_state=0)),
        "boosted stumps": encoded(GradientBoostingClassifier(max_depth=1, random_state=0)),
        "HistGradientBoosting, no interactions": encoded(
            HistGradientBoostingClassifier(
                interaction_cst="no_interactions", max_iter=80, random_state=0
            )
        ),
        "logistic regression": encoded(LogisticRegression(max_iter=2000), StandardScaler()),
        "LightGBM on categories, no interactions": lightgbm.LGBMClassifier(
            n_estimators=60, interaction_constraints=alone, n_jobs=1, verbose=-1
        ),
        "XGBoost on categories, no interactions": xgboost.XGBClassifier(
            n_estimators=60, interaction_constraints=named, enable_categorical=True, n_jobs=1
        ),
    }


def measure(base: Any, frame: pd.DataFrame, y: Any) -> list[str]:
    """Return the cells of a line."""
    clf = SmoothedClassifier(base, 1.0, units=UNITS, n_augment=4, random_state=0)
    clf.fit(frame[::2], y[::2])
    rows = frame[1 :: len(frame) // N_ROWS][:N_ROWS]
    certificate = clf.certify(rows)
    assert certificate.method == "exact"
    start = time.process_time()
    intervals = clf.per_feature(rows, certificate=certificate)
    each = 1e3 * (time.process_time() - start) / N_ROWS
    radius = certificate.per_feature(rows)
    kept = intervals["up"].notna() & (radius["up"] > 0)
    intervals, radius = intervals[kept], radius[kept]
    nearer = np.minimum(-intervals["down"], intervals["up"])
    ratio = (nearer / radius["up"])[np.isfinite(nearer)]
    free = np.isinf(intervals["down"]) & np.isinf(intervals["up"])
    inside, outside = moved(clf, rows, certificate, intervals)
    ratios = f"{ratio.min():.2f}, {ratio.median():.1f}"
    return [certificate.form, f"{each:.1f}", f"{free.mean():.2f}", ratios, inside, outside]


def moved(clf: Any, rows: pd.DataFrame, certificate: Any, intervals: pd.DataFrame) -> list[str]:
    """Return how often another answer was proved within intervals, and just outside."""
    rng = np.random.default_rng(0)
    label = pd.Series(certificate.labels, index=rows.index)
    units = intervals.index.get_level_values(1).map(UNITS).to_numpy(dtype=float)
    found = []
    for beyond in (False, True):
        sides = []
        for side, sign in (("down", -1.0), ("up", 1.0)):
            ends = np.abs(intervals[side].to_numpy())
            if beyond:
                finite = np.flatnonzero(np.isfinite(ends))
                chosen = rng.permutation(finite)[: N_OUTSIDE // 2]
                step = ends[chosen] + JUST_OUTSIDE * units[chosen]
            else:
                chosen = rng.choice(len(ends), N_TRIALS // 2)
                step = np.minimum(ends, 30 * units)[chosen] * rng.random(len(chosen))
            lines = intervals.iloc[chosen]
            some = rows.loc[lines.index.get_level_values(0)].copy()
            for name in UNITS:
                here = lines.index.get_level_values(1) == name
                values = some[name].to_numpy(dtype=float, copy=True)
                values[here] = lines["value"].to_numpy()[here] + sign * step[here]
                some[name] = values
            answers = clf.certify(some)
            other = answers.labels != label.loc[some.index].to_numpy()
            sides.append(other & ~answers.abstained)
        all_sides = np.concatenate(sides)
        found.append(f"{all_sides.sum()} of {len(all_sides):,}")
    return found


if __name__ == "__main__":
    main()
