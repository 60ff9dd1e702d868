"""A new member of a registry is one file and one line: toys of each kind, run end to end.

Each toy stands in a file of its own in a temporary folder, and is registered by one statement.
Nothing else in the library knows it.
"""

import importlib
import sys
import textwrap

import numpy as np
import pytest
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sksmooth import SmoothedClassifier
from sksmooth.records import read_log, write_log

X = np.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Return a function that writes a package of one file and imports it."""

    def make(name, text):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        sys.modules.pop(name, None)
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def both_logs(clf, path, **arguments):
    """Certify, and read the result back from a log that grew and from one that was written."""
    certificate = clf.certify(X[:6], log=path / "grown", **arguments)
    write_log(path / "written", certificate)
    for name in ("grown", "written"):
        again = read_log(path / name).certificate
        assert np.array_equal(again.radii, certificate.radii)
        assert np.array_equal(again.counts, certificate.counts)
        assert again.stop_reason.tolist() == certificate.stop_reason.tolist()
        assert again.norm == certificate.norm
    return certificate


NOISE = """
    import dataclasses
    import numpy as np
    from sksmooth.noise import Noise, Norm, Specification


    @dataclasses.dataclass(frozen=True)
    class LargestRun(Norm):
        kind = "largest jump"

        def _length(self, xp, size):
            return size.max(-1)

        def _project(self, xp, flat, radius):
            return xp.clip(flat, -radius, radius)

        def _steepest(self, xp, rise, size):
            return xp.sign(rise) * size

        def _random(self, rng, radius, n):
            return rng.uniform(-radius, radius, n)

        def _l2(self, radius, n):
            return radius


    @dataclasses.dataclass(frozen=True)
    class Coins(Noise):
        width: float
        kind = "coins"
        norm = LargestRun()
        sound, tv_error, rounding = True, 0.0, 0.0

        @property
        def name(self):
            return f"coins of {self.width!r}"

        @property
        def label(self):
            return f"width={self.width:g}"

        def around(self, row):
            def perturb(stream, out):
                bits = stream.words(out.size).reshape(out.shape) & np.uint64(1)
                out[...] = row + np.where(bits, self.width, -self.width)
            return perturb

        def draw(self, rng, shape):
            return self.width * (2 * (rng.random(shape) > 0.5) - 1)

        def radius(self, p_lower, p_upper=None):
            return np.maximum(self.width * (np.asarray(p_lower) - 0.5), 0.0)

        def deviations(self, shape):
            return np.full(shape, self.width)


    @dataclasses.dataclass(frozen=True)
    class CoinFlips(Specification):
        factor: float = 1.0

        def bind(self, rows):
            return Coins(self.factor * rows.sigma)
"""


def test_a_noise_with_a_norm_of_its_own(toy, monkeypatch, tmp_path):
    from sksmooth import noise

    module = toy("toynoise", NOISE)
    monkeypatch.setitem(noise.NOISES, "coins", module.CoinFlips)
    monkeypatch.setitem(noise.KINDS, "coins", module.Coins)
    clf = SmoothedClassifier(LogisticRegression(), 0.5, noise="coins", n=400, random_state=0)
    certificate = both_logs(clf.fit(X, y), tmp_path)
    assert certificate.norm == "largest jump"
    assert certificate.radii.max() > 0.15
    # it claims nothing that the family does not claim: no closed form, and no L2 ball
    assert certificate.method == "montecarlo"
    assert np.all(certificate.radii_l2 == 0)
    with pytest.raises(ValueError, match="no closed form here: none is known for Coins"):
        clf.set_params(method="exact").certify(X[:2])
    specified = SmoothedClassifier(LogisticRegression(), 0.5, noise=module.CoinFlips(1.0))
    specified.set_params(n=400, random_state=0).fit(X, y)
    assert np.array_equal(specified.certify(X[:6]).counts, certificate.counts)


RULE = """
    from sksmooth.bounds import BOUNDS
    from sksmooth.certificate.stopping import FixedSampleSize


    class Half(FixedSampleSize):
        reason = "half"
        single_level = False  # it spends half of alpha

        @classmethod
        def of(cls, plan, n_rows, noise, pilot):
            if plan.tol != 0.125:
                return None
            return cls(plan.n // 2, plan.alpha / 2, BOUNDS[plan.bound], pilot.argmax(axis=1))
"""


def test_a_stopping_rule(toy, monkeypatch, tmp_path):
    from sksmooth.certificate import stopping

    module = toy("toyrule", RULE)
    monkeypatch.setattr(stopping, "RULES", [module.Half, *stopping.RULES])
    clf = SmoothedClassifier(KNeighborsClassifier(), 0.5, n=400, random_state=0).fit(X, y)
    certificate = both_logs(clf, tmp_path, tol=0.125)
    assert np.all(certificate.n_draws == 200)
    assert np.all(certificate.stop_reason == "half")


BOUND = """
    import numpy as np


    def hoeffding(top, other, n, alpha):
        lower = np.asarray(top) / n - np.sqrt(np.log(1 / alpha) / (2 * np.asarray(n)))
        lower = np.clip(lower, 0.0, 1.0)
        return lower, 1.0 - lower
"""


def test_a_bound(toy, monkeypatch, tmp_path):
    from sksmooth import bounds

    monkeypatch.setitem(bounds.BOUNDS, "hoeffding", toy("toybound", BOUND).hoeffding)
    clf = SmoothedClassifier(KNeighborsClassifier(), 0.5, n=400, random_state=0).fit(X, y)
    certificate = both_logs(clf, tmp_path, bound="hoeffding")
    plain = clf.certify(X[:6])
    assert np.array_equal(
        certificate.counts[plain.n_draws == 400], plain.counts[plain.n_draws == 400]
    )
    assert np.all(certificate.p_lower <= plain.p_lower + 1e-12)
    assert certificate.run.bound == "hoeffding"


FORM = """
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier
    from sksmooth.closed_forms import NotClosedError
    from sksmooth.closed_forms.forms.linear import Linear
    from sksmooth.introspection.linear import LinearScores


    class Halfway(Linear):
        name = "halfway"

        @classmethod
        def may_be(cls, model):
            return type(model) is KNeighborsClassifier

        @classmethod
        def of(cls, model, spread):
            points = model._fit_X  # one of each class, in their order
            if model.n_neighbors != 1 or model._y.tolist() != [0, 1]:
                raise NotClosedError("it is no half-space")
            return cls(LinearScores.of(points, -0.5 * (points**2).sum(axis=1)), spread)
"""


def test_a_closed_form(toy, monkeypatch, tmp_path):
    from sksmooth import closed_forms

    centroids = np.stack([X[y == 0].mean(axis=0), X[y == 1].mean(axis=0)])
    base = KNeighborsClassifier(1).fit(centroids, [0, 1])
    apart = centroids[1] - centroids[0]
    module = toy("toyform", FORM)
    monkeypatch.setattr("sksmooth.estimators.smoother.FORMS", [*closed_forms.FORMS, module.Halfway])
    clf = SmoothedClassifier(FrozenEstimator(base), 1e-6, random_state=0).fit(X, y)
    certificate = both_logs(clf, tmp_path)
    assert (certificate.method, certificate.form) == ("exact", "halfway")
    distance = np.abs((X[:6] - centroids.mean(axis=0)) @ apart) / np.linalg.norm(apart)
    assert np.allclose(certificate.radii, distance, rtol=1e-4)


READER = """
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sksmooth.closed_forms.readers import Parts, Tree


    class Stump(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
            return self

        def predict(self, X):
            return self.classes_[(np.asarray(X)[:, 1] > 0.25).astype(int)]


    def read(model):
        # x <= point goes left; leaves are their own children
        tree = Tree(
            np.array([1, 0, 0]),
            np.array([0.25, 0.0, 0.0]),
            np.array([1, 1, 2]),
            np.array([2, 1, 2]),
            np.array([False, False, False]),
            np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        )
        return Parts([tree], "mean", np.zeros(2))
"""


def test_a_reader(toy, monkeypatch, tmp_path):
    from sksmooth.closed_forms import readers

    module = toy("toytrees", READER)
    labels = (X[:, 1] > 0).astype(int)
    sampled = SmoothedClassifier(module.Stump(), 0.5, n=500, random_state=0).fit(X, labels)
    assert sampled.certify(X[:3]).method == "montecarlo"
    monkeypatch.setitem(readers.READERS, "toytrees.Stump", "toytrees:read")
    certificate = both_logs(sampled, tmp_path)
    assert (certificate.method, certificate.form) == ("exact", "boxes")
    p = stats.norm.cdf(np.abs(X[:6, 1] - 0.25) / 0.5)
    assert np.allclose(certificate.p_lower, p, atol=1e-9)


BACKEND = """
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sksmooth.backends import Backend


    class Model(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            raise RuntimeError("the backend asks answer()")

        def answer(self, X):
            return (X[:, 0] > 0.1).astype(np.int64)


    class ToyBackend(Backend):
        framework = "toyframework"
        wants_float32 = True

        def __init__(self, model):
            self.model, self.n_classes = model, len(model.classes_)

        @classmethod
        def accepts(cls, model):
            return isinstance(model, Model)

        @classmethod
        def of(cls, estimator, answers, frame=None):
            return cls(estimator)

        def batch_rows(self, row):
            return 1000

        def classify(self, batch):
            return self.model.answer(batch)
"""


def test_a_backend(toy, monkeypatch, tmp_path):
    from sksmooth import backends

    module = toy("toyframework", BACKEND)
    line = ("toyframework", "toyframework:ToyBackend")
    monkeypatch.setattr(backends, "BACKENDS", [line, *backends.BACKENDS])
    clf = SmoothedClassifier(module.Model(), 0.5, n=2000, random_state=0).fit(X, y)
    certificate = both_logs(clf, tmp_path)
    share = certificate.counts[:, 1] / 2000
    whole = certificate.n_draws == 2000
    assert np.allclose(share[whole], stats.norm.cdf((X[:6, 0] - 0.1) / 0.5)[whole], atol=0.06)


OBJECTIVE = """
    from torch.nn import functional
    from sksmooth.objectives import Objective


    class Twice(Objective):
        def forward(self, module, X, y, noise, sigma):
            loss = functional.cross_entropy(module(X + noise(X)), y)
            return 0.5 * loss + 0.5 * functional.cross_entropy(module(X + noise(X)), y)


    class Lengths(Twice):
        norms = ("l2",)
"""


def test_an_objective(toy, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("skorch")
    from sksmooth import noise, objectives
    from sksmooth.nets import ObjectiveNet

    module = toy("toyobjective", OBJECTIVE)
    monkeypatch.setitem(objectives.OBJECTIVES, "twice", module.Twice)
    rows = X.astype(np.float32)

    def smoothed(objective, **options):
        net = ObjectiveNet(
            torch.nn.Linear, module__in_features=2, module__out_features=2, objective=objective
        )
        net.set_params(lr=0.5, max_epochs=10, verbose=0, train_split=None)
        return SmoothedClassifier(net, 0.3, n=300, random_state=0, **options)

    clf = smoothed(objectives.OBJECTIVES["twice"]).fit(rows, y)
    assert clf.score(rows, y) > 0.8
    coins = toy("toynoise", NOISE).CoinFlips()
    smoothed(module.Twice, noise=coins).fit(rows, y)
    with pytest.raises(ValueError, match=r"Lengths measures lengths in the norms \('l2',\)"):
        smoothed(module.Lengths, noise=coins).fit(rows, y)
    assert noise.NOISES  # untouched by a specification that is passed as it is


TASK = """
    import numpy as np
    from scipy.stats import binom, norm
    from sksmooth.backends import Backend
    from sksmooth.noise import Gaussian, Rows
    from sksmooth.noise.streams import Purpose
    from sksmooth.sampling import BinTally, Sampler


    class Numbers(Backend):
        def __init__(self, regressor):
            self.regressor = regressor

        def batch_rows(self, row):
            return 1000

        def outputs(self, batch):
            return self.regressor.predict(batch)


    def medians(regressor, X, sigma, radius, n=1000, alpha=1e-3, journal=None, keys=()):
        '''Bounds on the median output within a radius (Chiang et al. 2020, arXiv:2007.03730).'''
        noise = Gaussian().bind(Rows(sigma, X.shape[1:]))
        edges = np.linspace(-10.0, 10.0, 2001)
        sampler = Sampler(
            Numbers(regressor), X, noise, b"0123456789abcdef", BinTally(edges),
            journal=journal, keys=keys,
        )
        below = sampler.counts(n, Purpose.ESTIMATE).cumsum(axis=1)  # at or below each edge
        # ranks whose order statistics bound the quantiles, each at level alpha / 2
        low = binom.ppf(alpha / 2, n, norm.cdf(-radius / sigma)) - 1
        high = binom.ppf(1 - alpha / 2, n, norm.cdf(radius / sigma)) + 1
        lower = edges[np.clip((below <= low).sum(axis=1) - 1, 0, 2000)]
        upper = edges[np.clip((below < high).sum(axis=1), 0, 2000)]
        return lower, upper
"""


class Notebook:
    """A journal in memory."""

    def __init__(self):
        self.notes = {}

    def find(self, purpose, keys, start, n):
        return self.notes.get((purpose, tuple(keys), start))

    def note(self, purpose, keys, start, stop, votes):
        self.notes[purpose, tuple(keys), start] = stop, votes


def test_a_task_with_its_own_tally(toy):
    """Median smoothing of a regressor: the engine as it is, another tally and statement."""
    from sklearn.linear_model import LinearRegression

    module = toy("toytask", TASK)
    regressor = LinearRegression().fit(X, 2 * X[:, 0] + 1)
    lower, upper = module.medians(regressor, X[:5], 0.5, radius=0.25)
    middle = regressor.predict(X[:5])
    reach = 0.25 * np.linalg.norm(regressor.coef_)  # of the median, exactly
    assert np.all(lower <= middle - reach)
    assert np.all(middle + reach <= upper)
    assert np.all(upper - lower < 2 * reach + 0.5)
    keys = list("abcde")
    journal = Notebook()
    noted = module.medians(regressor, X[:5], 0.5, 0.25, journal=journal, keys=keys)
    assert np.array_equal(noted, (lower, upper))
    assert journal.notes
    nothing = type("Nothing", (), {"predict": lambda self, X: 1 / 0})()  # only the journal is asked
    again = module.medians(nothing, X[:5], 0.5, 0.25, journal=journal, keys=keys)
    assert np.array_equal(again, noted)
    broken = type("Broken", (), {"predict": lambda self, X: np.full(len(X), np.nan)})()
    with pytest.raises(ValueError, match="NaN or infinite"):
        module.medians(broken, X[:1], 0.5, 0.25)
