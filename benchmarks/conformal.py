"""Prediction sets and intervals under attack, beside other methods on the same draws.

Run ``nice python -m benchmarks.conformal``: some minutes on one core. It needs scikit-learn only;
where MAPIE is installed, it is compared with too. The baselines are written here from the papers'
formulas, each with every finite-sample correction that its guarantee needs and no more.
"""

import argparse
import importlib.metadata
import importlib.util
import pathlib
import time
from fractions import Fraction

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.page import Page, table, verdict
from sksmooth import RobustConformalClassifier, RobustConformalRegressor
from sksmooth.backends import SCORES, ScoresBackend, Source
from sksmooth.bounds import clopper_pearson, clopper_pearson_upper
from sksmooth.bounds.coverage import plan_coverage
from sksmooth.estimators.conformal_inside import smoothed
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise.streams import Purpose, row_key
from sksmooth.sampling import PassTally

ALPHA, ETA = 0.1, 0.001
SIGMA, N = 0.25, 100
RATIOS = [0.25, 0.5, 1.0, 2.0]
PAGE = pathlib.Path(__file__).parent / "results" / "conformal.md"
COMMAND = "nice python -m benchmarks.conformal"


# --- Methods: scores of calibration rows (m, n), of test rows (T, n, K), and r / sigma -> sets


def order_statistic(scores, level):
    """Return the floor(level (m + 1))-th smallest of m scores; minus infinity if that is 0."""
    place = int(level * (len(scores) + 1) + 1e-9)
    return np.sort(scores)[place - 1] if place else -np.inf


def plain(cal, test, rho):
    """Split conformal prediction on mean scores; it knows nothing of an attack."""
    return test.mean(axis=1) >= order_statistic(cal.mean(axis=1), ALPHA)


def passes(cal, test, rho, share=None):
    """Take the k-th largest draw, and ask for as many passes as the plan says."""
    n = cal.shape[1]
    share = (0.8 if rho <= 2 else 0.95) if share is None else share
    rank = int(np.ceil(Fraction(str(share)) * n))
    plan = plan_coverage(n, rank, rho, Fraction(1, 10), len(cal))
    if not plan.order:
        return np.ones(test.shape[::2], dtype=bool)
    scores = np.sort(np.sort(cal, axis=1)[:, n - rank])
    return (test >= scores[plan.order - 1]).sum(axis=1) >= plan.passes


def rscp_plus(cal, test, rho):
    """RSCP+ with Hoeffding's bound, on the means of the clean and of the shown row."""
    slack = np.sqrt(np.log(1 / ETA) / (2 * cal.shape[1]))
    q = order_statistic(cal.mean(axis=1), ALPHA - 2 * ETA) - slack
    if q <= 0:
        return np.ones(test.shape[::2], dtype=bool)
    return np.minimum(test.mean(axis=1) + slack, 1) >= ndtr(ndtri(q) - rho)


def cas(cal, test, rho):
    """CAS: the mean of the clean row by the distribution function of the shown row (DKW)."""
    n = cal.shape[1]
    q = order_statistic(cal.mean(axis=1), ALPHA - 2 * ETA) - np.sqrt(np.log(1 / ETA) / (2 * n))
    band = np.sqrt(np.log(1 / ETA) / (2 * n))
    s = np.sort(test, axis=1)
    steps = np.diff(s, axis=1, prepend=0.0, append=1.0)  # between the scores, from 0 to 1
    share = np.arange(n, -1, -1)[None, :, None] / n  # of draws above each step
    most = ndtr(ndtri(np.minimum(share + band, 1)) + rho)
    return (steps * most).sum(axis=1) >= q


def rcp1(cal, test, rho):
    """RCP1: one draw of each row."""
    level = 1 - ndtr(ndtri(1 - ALPHA) + rho)
    return test[:, 0] >= order_statistic(cal[:, 0], level)


def bincp(cal, test, rho, share=0.8):
    """BinCP: bounds of Clopper and Pearson for each calibration row and each label at once."""
    m, n, n_classes = len(cal), cal.shape[1], test.shape[2]
    level = ETA / (m + n_classes)
    rank = int(np.ceil(share * n))
    threshold = order_statistic(np.sort(cal, axis=1)[:, n - rank], ALPHA - ETA)
    p = clopper_pearson(rank, n, level)
    passed = (test >= threshold).sum(axis=1)
    return clopper_pearson_upper(passed, n, level) >= ndtr(ndtri(p) - rho)


def best_bincp(cal, test, rho):
    """BinCP with the share that happens to give the smallest sets: in its favour."""
    tried = [bincp(cal, test, rho, share) for share in (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)]
    return min(tried, key=np.sum)


METHODS = {
    "split conformal, not robust": plain,
    "RSCP+": rscp_plus,
    "CAS": cas,
    "RCP1 (one draw)": rcp1,
    "BinCP, best share": best_bincp,
    "**this library**": passes,
}


# --- Digits


def digits(seed, n_train=700, copies=10):
    """Return a model that was trained under noise, and rows that it has not seen."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    X, y = X[order] / 16, y[order]
    noisy = np.concatenate(
        [X[:n_train] + SIGMA * rng.normal(size=(n_train, 64)) for _ in range(copies)]
    )
    model = LogisticRegression(max_iter=200).fit(noisy, np.tile(y[:n_train], copies))
    return model, X[n_train:], y[n_train:], rng


def drawn(model, X, n, rng):
    """Return the probabilities of all classes for n noisy copies of each row."""
    out = np.empty((len(X), n, len(model.classes_)))
    for i in range(0, len(X), 100):
        part = X[i : i + 100]
        noisy = part[:, None] + SIGMA * rng.normal(size=(len(part), n, X.shape[1]))
        p = model.predict_proba(noisy.reshape(-1, X.shape[1]))
        out[i : i + 100] = p.reshape(len(part), n, -1)
    return out


def attacked(model, X, y, radius, steps=30, n=64, seed=0):
    """PGD on the smoothed log-probability of the true class, with the gradient by hand."""
    W, rng = model.coef_, np.random.default_rng(seed)
    noise = SIGMA * rng.normal(size=(n, 1, X.shape[1]))
    delta = np.zeros_like(X)
    for _ in range(steps):
        Z = (X + delta + noise) @ W.T + model.intercept_
        p = np.exp(Z - Z.max(axis=2, keepdims=True))
        p /= p.sum(axis=2, keepdims=True)
        slopes = p.mean(axis=0) @ W - W[y]
        delta += radius / 6 * slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
        delta *= np.minimum(1, radius / np.linalg.norm(delta, axis=1, keepdims=True))
    return X + delta


def sizes(n_splits, m):
    """Return mean sizes and clean coverage by method and ratio."""
    found = {name: np.zeros((len(RATIOS), 2)) for name in METHODS}
    found["**computed**, no draws"] = np.zeros((len(RATIOS), 2))
    for seed in range(n_splits):
        model, X, y, rng = digits(seed)
        cal, test, truth = X[:m], X[548:], y[548:]
        cal_scores = drawn(model, cal, N, rng)[np.arange(m), :, y[:m]]
        test_scores = drawn(model, test, N, rng)
        votes = RobustConformalClassifier(
            FrozenEstimator(model), SIGMA, conformity_score="votes"
        ).fit(cal, y[:m])
        for i, rho in enumerate(RATIOS):
            sets = {name: method(cal_scores, test_scores, rho) for name, method in METHODS.items()}
            votes.set_params(radius=rho * SIGMA)
            sets["**computed**, no draws"] = votes.predict_set(test)[1][:, :, 0]
            for name, inside in sets.items():
                covered = inside[np.arange(len(truth)), truth].mean()
                found[name][i] += inside.sum(axis=1).mean() / n_splits, covered / n_splits
    return found


def under_attack(n_splits, radius=0.25, m=548):
    """Return coverage of clean and of attacked rows: split conformal, and this library's."""
    found = []
    for seed in range(n_splits):
        model, X, y, _ = digits(seed)
        cal, test, truth = X[:m], X[m:], y[m:]
        moved = attacked(model, test, truth, radius)
        line = []
        for r, score in ((0.0, "lac"), (radius, "lac"), (radius, "votes")):
            clf = RobustConformalClassifier(
                FrozenEstimator(model), SIGMA, r, conformity_score=score, random_state=seed
            ).fit(cal, y[:m])
            for rows in (test, moved):
                inside = clf.predict_set(rows)[1][:, :, 0]
                line.append(inside[np.arange(len(truth)), truth].mean())
            line.append(inside.sum(axis=1).mean())
        found.append(line)
    return np.mean(found, axis=0)


def beside_mapie(n_splits, m=548):
    """Return coverage and size without a radius; of MAPIE's too, if it is there."""
    ours, theirs = [], []
    for seed in range(n_splits):
        model, X, y, rng = digits(seed)
        cal, test, truth = X[:m], X[m:], y[m:]
        clf = RobustConformalClassifier(FrozenEstimator(model), SIGMA, 0.0, random_state=seed)
        inside = clf.fit(cal, y[:m]).predict_set(test)[1][:, :, 0]
        ours.append([inside[np.arange(len(truth)), truth].mean(), inside.sum(axis=1).mean()])
        if importlib.util.find_spec("mapie") is None:
            inside = plain(
                drawn(model, cal, N, rng)[np.arange(m), :, y[:m]], drawn(model, test, N, rng), 0
            )
        else:
            inside = _mapie(model, cal, y[:m], test, rng)
        theirs.append([inside[np.arange(len(truth)), truth].mean(), inside.sum(axis=1).mean()])
    return np.mean(ours, axis=0), np.mean(theirs, axis=0)


def _mapie(model, cal, y, test, rng):
    from mapie.classification import SplitConformalClassifier
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Smoothed(ClassifierMixin, BaseEstimator):
        classes_, fitted_ = model.classes_, True

        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return drawn(model, X, N, rng).mean(axis=1)

        def predict(self, X):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]

    mapie = SplitConformalClassifier(
        Smoothed(), confidence_level=1 - ALPHA, conformity_score="lac", prefit=True
    )
    return mapie.conformalize(cal, y).predict_set(test)[1][:, :, 0]


# --- Diabetes


def diabetes(n_splits, radii):
    """Return width, clean coverage and coverage under the worst attack on a linear base."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    found = {"LinearRegression": [], "LinearRegression, computed": [], "HistGradientBoosting": []}
    for seed in range(n_splits):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        train, cal, test = order[:200], order[200:321], order[321:]
        noisy = np.concatenate([X[train] + 0.5 * rng.normal(size=(200, 10)) for _ in range(10)])
        for name, base in (
            ("LinearRegression", LinearRegression()),
            ("LinearRegression, computed", LinearRegression()),
            ("HistGradientBoosting", HistGradientBoostingRegressor(max_iter=50)),
        ):
            score = "median" if "computed" in name else "outputs"
            if name == "HistGradientBoosting" and seed >= 5:
                continue
            model = base.fit(noisy, np.tile(y[train], 10))
            line = []
            for radius in radii:
                reg = RobustConformalRegressor(
                    FrozenEstimator(model), 0.5, radius, conformity_score=score, random_state=seed
                ).fit(X[cal], y[cal])
                rows = [X[test]]
                if name != "HistGradientBoosting":
                    away = np.sign(model.predict(X[test]) - y[test])[:, None]
                    rows.append(X[test] + radius * away * model.coef_ / np.linalg.norm(model.coef_))
                cells = []
                for some in rows:
                    low, high = reg.predict_interval(some)[1][:, :, 0].T
                    cells += [(high - low).mean(), ((low <= y[test]) & (y[test] <= high)).mean()]
                line.append([cells[0], cells[1], cells[-1] if len(cells) > 2 else np.nan])
            found[name].append(line)
    return {name: np.mean(lines, axis=0) for name, lines in found.items()}


# --- Speed


def speed(rounds=7):
    """Return the share of its time that prediction spends in the base, and what it could be."""
    lines = []
    for name, base in _bases():
        model, X, y, _ = digits(0, copies=2)
        model = base.fit(X[:400] + SIGMA * np.random.default_rng(0).normal(size=(400, 64)), y[:400])
        clf = RobustConformalClassifier(FrozenEstimator(model), SIGMA, 0.25, n=N, random_state=0)
        clf.fit(X[400:700], y[400:700])
        rows = X[700:1000]
        noise = noise_of(smoothed(clf))
        backend = ScoresBackend(model, np.arange(10), SCORES["lac"], None)
        tally = PassTally(10, clf.threshold_)
        batch = np.repeat(rows, N, axis=0)
        batch += SIGMA * np.random.default_rng(1).normal(size=batch.shape)
        size = backend.batch_rows(rows[0])
        spent = {"whole": [], "base": [], "noise": [], "rest": []}
        for _ in range(rounds):
            start = time.process_time()
            clf.predict_set(rows)
            spent["whole"].append(time.process_time() - start)
            start = time.process_time()
            for i in range(0, len(batch), size):
                model.predict_proba(batch[i : i + size])
            spent["base"].append(time.process_time() - start)
            source, out = Source(noise, "philox"), np.empty((N, 64))
            start = time.process_time()
            for row in rows:
                source.prepare(row)
                source.fill(row_key(bytes(16), row, noise.name), 0, Purpose.PREDICT, out)
            spent["noise"].append(time.process_time() - start)
            scores = np.random.default_rng(0).random((len(batch), 10), dtype=np.float32)
            numbers = np.repeat(np.arange(len(rows)), N)
            counters = backend.counters(len(rows), tally.n_bins + 1)
            start = time.process_time()
            for i in range(0, len(batch), size):
                tally.count(scores[i : i + size], numbers[i : i + size], counters, backend)
            spent["rest"].append(time.process_time() - start)
        t = {what: float(np.median(times)) for what, times in spent.items()}
        ceiling = t["base"] / (t["base"] + t["noise"] + t["rest"])
        lines.append((name, 1e6 * t["base"] / len(batch), ceiling, t["base"] / t["whole"]))
    return lines


def _bases():
    yield "LogisticRegression", LogisticRegression(max_iter=200)
    yield "MLP, 64 units", MLPClassifier(64, max_iter=30, random_state=0)
    yield "RandomForest of 100", RandomForestClassifier(random_state=0)
    yield "HistGradientBoosting", HistGradientBoostingClassifier(max_iter=30)


# --- Page


def page(n_splits):
    """Return the page of all figures."""
    blocks = [
        "Coverage asked: .90. Sizes are mean numbers of labels of 10; clean coverage in brackets. "
        f"Digits: logistic regression on 700 rows with 10 noisy copies, sigma {SIGMA}, score: "
        f"probability (`lac`), n = {N} draws a row, 549 test rows, {n_splits} random splits. All "
        "methods get the same draws. 10 means that every set has all labels."
    ]
    for m in (548, 150):
        found = sizes(n_splits, m)
        head = [f"m = {m} calibration rows", *(f"r/sigma {rho:g}" for rho in RATIOS)]
        rows = [
            [name, *(f"{size:.2f} ({covered:.3f})" for size, covered in line)]
            for name, line in found.items()
        ]
        blocks += [f"## {m} calibration rows", table(head, rows)]
        if m == 548:
            size = found["**this library**"][2, 0]
            computed = found["**computed**, no draws"][2, 0]
            blocks.append(
                f"Asked at r = sigma: at most 1.10 drawn, {verdict(size <= 1.10)}; at most 1.16 "
                f"computed, {verdict(computed <= 1.16)}."
            )
    line = under_attack(max(2, n_splits // 3))
    names = ["split conformal (radius 0)", "radius .25, 100 draws", "radius .25, computed"]
    blocks += [
        "## Under attack",
        "PGD of 30 steps, length .25, on the smoothed log-probability of the true class.",
        table(
            ["sets", "clean coverage", "coverage under attack", "size under attack"],
            [
                [name, *(f"{x:.3f}" for x in line[3 * i : 3 * i + 3])]
                for i, name in enumerate(names)
            ],
        ),
    ]
    ours, theirs = beside_mapie(n_splits)
    other = "the formula of split conformal prediction"
    if importlib.util.find_spec("mapie") is not None:
        other = f"MAPIE {importlib.metadata.version('mapie')}"
    blocks += [
        "## Without a radius",
        "On mean scores there, on the k-th largest of the draws here.",
        table(
            ["method", "coverage", "size"],
            [
                [name, *map("{:.3f}".format, figures)]
                for name, figures in (("this library, radius 0", ours), (other, theirs))
            ],
        ),
    ]
    radii = [0.0, 0.125, 0.25, 0.5]
    rows = [
        [name, *(f"{w:.0f} ({c:.3f}" + (")" if np.isnan(a) else f"; {a:.3f})") for w, c, a in line)]
        for name, line in diabetes(160, radii).items()
    ]
    blocks += [
        "## Intervals",
        "Diabetes: 200 training rows with 10 noisy copies, 121 calibration and 121 test rows, "
        "sigma .5, n = 100, 160 splits (boosting 5). Width (clean coverage; coverage under the "
        "worst attack, which is known for a linear base).",
        table(["base", *(f"r = {radius:g}" for radius in radii)], rows),
    ]
    rows = [
        [name, f"{us:.2f}", f"{ceiling:.2f}", f"{reached:.2f}", f"{reached / ceiling:.2f}"]
        for name, us, ceiling, reached in speed()
    ]
    blocks += [
        "## Speed",
        "`predict_set` of 300 rows, n = 100: the share of processor time that the base takes. The "
        "ceiling is base / (base + noise + counting), each measured alone.",
        table(["base", "us a draw", "ceiling", "reached", "of the ceiling"], rows),
    ]
    return Page("Prediction sets and intervals under attack", blocks)


def main():
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=12)
    splits = parser.parse_args().splits
    text = page(splits).to_markdown(f"{COMMAND} --splits {splits}")
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
