"""Everything that takes a certificate, for certificates in every norm: right, or refused in words.

Radii are computed here from the counts, by formulas that are not the package's: the quantiles of
scipy, and for mixed noise the closed form of Drop. What is not looked at here fails a test below.
"""

import inspect
import json
import pathlib

import numpy as np
import pytest
from scipy import stats
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.tree import DecisionTreeClassifier

import sksmooth
from sksmooth import Certificate, CertifiedAccuracyDisplay, SmoothedClassifier
from sksmooth.certificate import certify_counts
from sksmooth.metrics import (
    average_certified_radius_score,
    average_certified_radius_scorer,
    certified_accuracy_lower_bound,
    certified_accuracy_score,
    certified_accuracy_scorer,
    certified_top_k_accuracy_score,
    paired_comparison,
    projected_certified_accuracy,
    top_k_radii,
)
from sksmooth.noise import (
    Drop,
    DropNoise,
    Flip,
    IntegerGaussian,
    IntegerPerFeature,
    MixedNoise,
    SeveralChangesNoise,
    SplitNoise,
    UniformNoise,
)
from sksmooth.records import Record, join_logs, read_log, write_log
from sksmooth.tables import certified_accuracy_table

N, ALPHA = 2000, 0.001
VOTES = np.array([2000, 1990, 1900, 1850, 1700, 1500, 1200, 1010, 2000, 1995])
TRUE = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])  # all are said to be 0
GRID = np.array([0.0, 0.2, 0.5, 1.0, 1.5, 2.0])
DROPPED = 0.9
NOISES = {
    "l2": IntegerGaussian(0.5, 3),
    "l1": UniformNoise(1.0, 3),
    "split": SplitNoise(1, (8, 8, 8), (0, 0, 0)),
    "l0": DropNoise.dropping([DROPPED] * 3),
    "mixed": MixedNoise(
        IntegerPerFeature([2.0, 0.0, 0.0]),
        SeveralChangesNoise(3, [(1, 2)], [DropNoise.dropping([DROPPED] * 2)]),
    ),
}


def certificate_of(kind, votes=VOTES, alpha=ALPHA):
    counts = np.column_stack([votes, N - votes])
    classes = np.array([0, 1])
    return certify_counts(
        np.full_like(counts, [60, 40]), counts, noise=NOISES[kind], classes=classes, alpha=alpha
    )


def radius_of(kind, p, changes):
    """Radii that a probability proves, -1 for none."""
    if kind == "l2":
        return np.where(p > 0.5, 0.5 * stats.norm.ppf(p), -1.0)
    if kind == "l1":
        return np.where(p > 0.5, 2 * p - 1, -1.0)
    if kind == "split":  # closed, in whole steps, below half a period times the lead
        return np.where(p > 0.5, np.ceil(4 * (2 * p - 1)) - 1, -1.0)
    lost = 1 - DROPPED ** np.arange(4)
    if kind == "l0":
        return (p[:, None] - lost > 0.5).cumprod(axis=1).sum(axis=1) - 1.0
    lost = lost[min(changes, 2)]
    with np.errstate(invalid="ignore"):
        ends = stats.norm.ppf((p - lost) / (1 - lost)), stats.norm.ppf(0.5 / (1 - lost))
    return np.where(p - lost > 0.5, ends[0] - ends[1], -1.0)


def reached(kind, changes=0, votes=VOTES, alpha=ALPHA):
    """Radii of the rows that are right, -1 of others."""
    p = stats.beta.ppf(alpha, votes, N - votes + 1)
    return np.where(TRUE == 0, radius_of(kind, p, changes), -1.0)


def accuracy(kind, changes=0, radius=GRID, **options):
    return (reached(kind, changes, **options) >= np.reshape(radius, (-1, 1))).mean(axis=1)


def lower_bound(kind, changes, rho=0.001):
    """The smallest number of robust rows that explains the certificates, by its definition."""
    m, found = len(TRUE), []
    for right in np.rint(accuracy(kind, changes) * m):
        chances = [stats.binom.sf(right - g - 1, m - g, ALPHA) for g in range(m + 1)]
        found.append(np.argmax(np.array(chances) > rho) / m)
    return np.array(found)


def drawn(kind, changes):
    plt = pytest.importorskip("matplotlib.pyplot")
    pairs = {"a": (TRUE, certificate_of(kind)), "b": (TRUE, certificate_of(kind))}
    display = CertifiedAccuracyDisplay.from_records(pairs, changes=[changes])
    plt.close("all")
    assert len(display.line_) == 2
    x, y = display.line_[1].get_data()
    return np.append(y, 0.0)[np.searchsorted(x, GRID)]


def reported(kind, changes):
    report = sksmooth.CertificationReport.from_predictions(
        TRUE, certificate_of(kind), radii=GRID.tolist()
    )
    page, parts = report.to_html(), json.loads(report.to_json())["results"]["accuracy"]
    assert (f"{changes} columns changed" in page) == (changes > 1)
    return next(part for part in parts if part["changes"] == changes)["table"]["certified_accuracy"]


def compared(kind, changes):
    pytest.importorskip("statsmodels")
    pair = TRUE, certificate_of(kind)
    found = paired_comparison(pair, pair, radius=GRID, changes=changes, n_resamples=9)
    assert str(found).count("changed column") == (changes > 0)
    return found.accuracy[:, 0]


def tabulated(kind, changes):
    pair = TRUE, certificate_of(kind)
    table = certified_accuracy_table({"a": pair}, GRID, changes=changes, average_radius=True)
    mean = np.maximum(reached(kind, changes), 0).mean()
    assert table.average_radius[0, 0] == pytest.approx(mean, abs=1e-5)
    return table.scores[0]


class Certified(SmoothedClassifier):
    """Certifies whatever is asked as it has been told."""

    def certify(self, X, n=None, **options):
        self.options_ = options
        return self.estimator


def scored(kind, changes):
    clf = Certified(certificate_of(kind))
    found = certified_accuracy_scorer(GRID, changes=changes)(clf, None, TRUE)
    assert clf.options_["changes"] == changes
    assert clf.options_["radius"] == tuple(GRID)
    mean = average_certified_radius_scorer(changes=changes)(clf, None, TRUE)
    assert mean == pytest.approx(np.maximum(reached(kind, changes), 0).mean(), abs=1e-5)
    assert clf.options_.get("radius") is None
    assert "changes" not in clf.options_
    return list(found.values())


def top_one(kind, changes):
    """With two classes, the first of one; its bound takes half of alpha."""
    asked = TRUE, certificate_of(kind)
    radii = top_k_radii(certificate_of(kind), 1, np.zeros_like(TRUE), changes=changes)
    expected = radius_of(kind, stats.beta.ppf(ALPHA / 2, VOTES, N - VOTES + 1), changes)
    nothing = np.nan if changes else 0.0
    assert np.allclose(radii, np.where(expected < 0, nothing, expected), atol=1e-5, equal_nan=True)
    whole = certified_top_k_accuracy_score(*asked, k=2, radius=GRID, changes=changes)
    assert np.all(whole == 1)
    return certified_top_k_accuracy_score(*asked, k=1, radius=GRID, changes=changes)


# what takes `changes`: what it finds, and what it should
WITH_CHANGES = {
    "certified_accuracy_score": (
        lambda kind, k: certified_accuracy_score(
            TRUE, certificate_of(kind), radius=GRID, changes=k
        ),
        accuracy,
    ),
    "average_certified_radius_score": (
        lambda kind, k: average_certified_radius_score(TRUE, certificate_of(kind), changes=k),
        lambda kind, k: np.maximum(reached(kind, k), 0).mean(),
    ),
    "certified_accuracy_lower_bound": (
        lambda kind, k: certified_accuracy_lower_bound(
            TRUE, certificate_of(kind), radius=GRID, changes=k
        ),
        lower_bound,
    ),
    "projected_certified_accuracy": (
        lambda kind, k: projected_certified_accuracy(
            TRUE, certificate_of(kind), radius=GRID, changes=k, alpha=0.05
        ),
        lambda kind, k: accuracy(kind, k, alpha=0.05),
    ),
    "certified_top_k_accuracy_score": (
        top_one,
        lambda kind, k: accuracy(kind, k, alpha=ALPHA / 2),
    ),
    "paired_comparison": (compared, accuracy),
    "certified_accuracy_table": (tabulated, accuracy),
    "certified_accuracy_scorer": (scored, accuracy),
    "CertifiedAccuracyDisplay": (drawn, accuracy),
    "CertificationReport": (reported, accuracy),
    "Certificate.radii_with": (
        lambda kind, k: certificate_of(kind).radii_with(changes=k),
        lambda kind, k: np.where(
            (found := radius_of(kind, stats.beta.ppf(ALPHA, VOTES, N - VOTES + 1), k)) < 0,
            np.nan,
            found,
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:sigma has a value for each feature:UserWarning")
@pytest.mark.parametrize("name", WITH_CHANGES)
@pytest.mark.parametrize("kind", NOISES)
def test_what_takes_changes(name, kind):
    function, expected = WITH_CHANGES[name]
    if (name, kind) == ("Certificate.radii_with", "l0"):
        with pytest.raises(ValueError, match="radii are numbers of changes.*compare radii"):
            function(kind, 0)
    else:
        assert function(kind, 0) == pytest.approx(expected(kind, 0), abs=1e-5, nan_ok=True)
    if kind == "mixed":
        for changes in (1, 2):
            want = expected(kind, changes)
            assert function(kind, changes) == pytest.approx(want, abs=1e-5, nan_ok=True)
            assert not np.array_equal(want, expected(kind, 0), equal_nan=True)
    elif name not in ("CertificationReport", "certified_accuracy_scorer"):
        with pytest.raises(ValueError, match=r"compare radii with the number|changes=1 is for "):
            function(kind, 1)
    for wrong in (-1, 1.0, True, None):
        if name not in ("CertifiedAccuracyDisplay", "CertificationReport"):
            with pytest.raises(ValueError, match="changes must be a number of changed columns"):
                function(kind, wrong)


def test_decided_certificates_are_reported_where_they_were_decided():
    """A warning says that other scores are worth little; the report has none of them."""
    import dataclasses

    c = certificate_of("mixed")
    run = dataclasses.replace(c.run, asked_radii=(0.0, 1.0), asked_changes=1)
    decided = dataclasses.replace(c, run=run)
    report = sksmooth.CertificationReport.from_predictions(TRUE, decided)  # and no warning
    (only,) = report.content["results"]["accuracy"]
    assert only["changes"] == 1
    expected = accuracy("mixed", 1, radius=[0.0, 1.0])
    assert only["curve"]["certified_accuracy"] == pytest.approx(expected)
    for score, options in (
        (certified_accuracy_score, {"radius": 1.0}),
        (certified_accuracy_lower_bound, {"radius": 1.0}),
        (average_certified_radius_score, {"changes": 1}),
    ):
        with pytest.warns(UserWarning, match="decide the radii .* beside 1 changed column,"):
            score(TRUE, decided, **options)


@pytest.mark.parametrize("kind", NOISES)
def test_the_page_says_of_mixed_noise_that_no_columns_changed(kind):
    """Accuracies by class are beside none, whether or not there are curves beside others."""
    certificate = certificate_of(kind)
    for some in (slice(None), certificate.max_changes <= 0):
        page = sksmooth.CertificationReport.from_predictions(TRUE[some], certificate[some])
        text = page.to_html()
        assert ("<h3>No columns changed</h3>" in text) == (kind == "mixed")
        assert ("of each true class, by radius, no columns changed." in text) == (kind == "mixed")


def test_computed_certificates_under_mixed_noise():
    """A stump of one number: its probability is normal, and all radii have a closed form."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), *rng.integers(3, size=(2, 200))])
    y = (X[:, 0] > 0).astype(int)
    sigma = {0: 0.5, "*": Drop(drop=DROPPED)}
    clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=1), sigma, random_state=0).fit(X, y)
    c, true = clf.certify(X[:40]), np.where(np.arange(40) % 4, y[:40], 1 - y[:40])
    assert c.method == "exact"
    p = stats.norm.cdf(np.abs(X[:40, 0] - clf.estimator_.tree_.threshold[0]) / 0.5)
    report = sksmooth.CertificationReport.from_predictions(true, c, radii=[0.0, 0.5])
    for changes, part in enumerate(report.content["results"]["accuracy"]):
        radii = radius_of("mixed", p, changes)
        found = np.nan_to_num(c.radii_with(changes=changes), nan=-1.0)
        assert found == pytest.approx(radii, abs=1e-5)
        right = np.where(c.labels == true, radii, -1.0)
        expected = [(right >= radius).mean() for radius in (0.0, 0.5)]
        assert part["table"]["certified_accuracy"] == pytest.approx(expected)
        assert part["table"]["lower_bound"] == pytest.approx(expected)  # nothing is random
        mean = average_certified_radius_score(true, c, changes=changes)
        assert mean == pytest.approx(np.maximum(right, 0).mean(), abs=1e-5)
    assert changes == 2
    with pytest.raises(ValueError, match="computed, not sampled"):
        projected_certified_accuracy(true, c, changes=1)
    with pytest.raises(ValueError, match="computed, and has no votes"):
        top_k_radii(c, 1, changes=1)


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_searches_over_keep_and_sigma(search):
    """With all three columns changed only much noise proves anything."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=60), *rng.integers(3, size=(3, 60))])
    y = (X[:, 0] > 0).astype(int)
    sigmas = [{0: s, "*": Flip(keep=keep)} for s in (0.5, 1.0) for keep in (0.4, 0.95)]
    grid = {"sigma": sigmas, "units": [{0: 1.0, 1: 0.0, 2: 0.0, 3: 0.0}]}
    base = DecisionTreeClassifier(max_depth=1, random_state=0)
    clf = SmoothedClassifier(base, n=100, n0=20, method="montecarlo", random_state=0)
    options = {"cv": 2, "refit": False, "error_score": "raise"}
    if search is HalvingGridSearchCV:  # so many rows have all categories
        options |= {"min_resources": 40, "factor": 2}
    for scorer in (
        average_certified_radius_scorer(changes=3),
        certified_accuracy_scorer(radius=0.1, changes=3),
    ):
        found = search(clf, grid, scoring=scorer, **options).fit(X, y)
        assert found.best_params_["sigma"]["*"].keep == 0.4
        assert found.best_score_ > 0
        keeps = [sigma["*"].keep for sigma in found.cv_results_["param_sigma"]]
        assert np.all(found.cv_results_["mean_test_score"][np.array(keeps) == 0.95] == 0)


@pytest.mark.parametrize("kind", NOISES)
class TestWithoutChanges:
    """What does not depend on the norm, or says what the norm allows."""

    def test_abstention_rate(self, kind):
        p = stats.beta.ppf(ALPHA, VOTES, N - VOTES + 1)
        expected = (radius_of(kind, p, 0) < 0).mean()
        assert sksmooth.abstention_rate(certificate_of(kind)) == expected > 0

    def test_top_probability(self, kind):
        probability, share = sksmooth.top_probability_curve(TRUE, certificate_of(kind))
        assert probability.max() == pytest.approx(ALPHA ** (1 / N), rel=1e-9)
        assert share[0] == 0.8
        plt = pytest.importorskip("matplotlib.pyplot")
        display = sksmooth.TopProbabilityDisplay.from_predictions(TRUE, certificate_of(kind))
        assert display.line_.get_ydata()[0] == 0.8
        plt.close("all")

    def test_logs(self, kind, tmp_path):
        c = certificate_of(kind)
        write_log(tmp_path / "log", c, y_true=TRUE)
        record = read_log(tmp_path / "log")
        assert record.certificate.equals(c)
        assert record.certificate.noise == c.noise
        halves = [
            Record.of(c[rows], index=np.arange(10)[rows]) for rows in (slice(5), slice(5, 10))
        ]
        joined = join_logs(halves)
        assert joined.certificate.equals(c)
        if kind == "l2":
            write_log(tmp_path / "theirs", c, y_true=TRUE, format="cohen")
        else:
            with pytest.raises(ValueError, match="norm"):
                write_log(tmp_path / "theirs", c, y_true=TRUE, format="cohen")
            assert not pathlib.Path(tmp_path / "theirs").exists()

    def test_results(self, kind):
        c = certificate_of(kind)
        lenient = c.at(alpha=0.05)
        expected = reached(kind, alpha=0.05)
        assert np.where(TRUE == 0, lenient.radii, 0) == pytest.approx(
            np.maximum(expected, 0), abs=1e-5
        )
        assert Certificate.concatenate([c[:4], c[4:]]).equals(c)
        assert c.norm in repr(c)
        text = c.summary()
        named = {"l0": "at most `radius` features", "mixed": "radii_with(changes=k)"}
        assert named.get(kind, f"{'L2' if kind == 'l2' else 'L1'} length below its radius") in text
        assert ("2 changed" in text) == (kind == "mixed")
        pytest.importorskip("pandas")
        frame = c.to_frame()
        assert frame["radius"].tolist() == c.radii.tolist()
        assert ("radius_2_changed" in frame) == ("max_changes" in frame) == (kind == "mixed")

    def test_numbers_of_changes(self, kind):
        p = stats.beta.ppf(ALPHA, VOTES, N - VOTES + 1)
        most = np.where(p > 0.5, 0, -1)
        if kind == "l0":
            most = radius_of(kind, p, 0)
        if kind == "mixed":
            most = sum((radius_of(kind, p, k) >= 0).astype(int) for k in range(3)) - 1
        if kind == "split":  # and a lead of less than a step proves nothing
            most = np.where(radius_of(kind, p, 0) >= 0, most, -1)
        assert certificate_of(kind).max_changes.tolist() == most.tolist()

    def test_single_features(self, kind):
        pytest.importorskip("pandas")
        c = certificate_of(kind)
        if kind in ("l0", "split"):
            words = "count changed features" if kind == "l0" else "not of all values|are not: "
            with pytest.raises(ValueError, match=words):
                c.per_feature(np.zeros((10, 3)))
            return
        reach = c.per_feature(np.zeros((10, 3)))["up"].to_numpy().reshape(10, -1)
        assert reach.shape == (10, 1 if kind == "mixed" else 3)
        unit = 2.0 if kind == "mixed" else 1.0
        assert reach == pytest.approx(np.repeat(c.radii[:, None] * unit, reach.shape[1], axis=1))

    def test_changed_rows(self, kind):
        """Row 2: one change in each of two columns, of a whole number."""
        c, X = certificate_of(kind), np.zeros((10, 3))
        near, far = X.copy(), X.copy()
        near[:, 0], far[:, 1:] = 1.0, 1.0
        radii = c.radii
        if kind == "l0":
            inside, outside = radii >= 1, radii >= 2
        elif kind == "mixed":
            inside, outside = radii > 0.5, c.max_changes >= 2
        elif kind == "split":
            inside, outside = radii >= 1, radii >= 2
        else:
            inside, outside = radii > 1, radii > (np.sqrt(2) if kind == "l2" else 2)
        inside, outside = inside & ~c.abstained, outside & ~c.abstained
        assert c.covers(X, near).tolist() == inside.tolist()
        assert c.covers(X, far).tolist() == outside.tolist()
        assert c.holds_box([1, 0, 0]).tolist() == inside.tolist()
        assert inside.any() or kind == "l1"
        balls = c.radii_in("linf")
        assert np.all((balls > 0) == (False if kind == "l0" else c.radii > 0))


CERTIFICATES = {"certificate", "certificates", "records", "first", "second", "parts"}
ELSEWHERE = {
    "CertifiedErrorDisplay": "of regressors",
    "PerFeatureDisplay": "of intervals, which per_feature refuses",
    "PredictionBandDisplay": "of regressors",
    "PredictionBounds": "of regressors",
    "RegressionCertificate": "of regressors",
    "certified_error_score": "of regressors",
    "certified_r2_score": "of regressors",
    "tightness_curve": "of nets; tests/attacks",
}
HERE = {
    "Record",
    "TopProbabilityDisplay",
    "abstention_rate",
    "join_logs",
    "top_k_radii",
    "top_probability_curve",
    "write_log",
    *(name for name in WITH_CHANGES if "." not in name),
}
METHODS = {
    *("at", "concatenate", "covers", "equals", "holds_box", "max_changes", "per_feature"),
    *("radii_in", "radii_with", "sigma", "norm", "summary", "to_frame"),
}


def test_nothing_is_left_out():
    """Whatever takes certificates is in one of the lists above."""
    found = set()
    for module in (sksmooth, sksmooth.metrics, sksmooth.tables, sksmooth.records):
        for name in module.__all__:
            thing = getattr(module, name)
            functions = [thing] if inspect.isfunction(thing) else []
            if inspect.isclass(thing) and thing is not Certificate:
                functions = [f for _, f in inspect.getmembers(thing, inspect.isroutine)]
                functions += [thing.__init__]
            for function in functions:
                try:
                    known = set(inspect.signature(function).parameters)
                except ValueError:
                    continue
                if known & CERTIFICATES and not name.startswith(("Smoothed", "Robust")):
                    found.add(name)
    assert found - HERE - set(ELSEWHERE) == set()
    assert {name for name in dir(Certificate) if not name.startswith("_")} - {
        field.name for field in Certificate.__dataclass_fields__.values()
    } == METHODS
