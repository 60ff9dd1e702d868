"""Every model under mixed noise: what is computed is not contradicted by plain draws of numpy's."""

import numpy as np
import pytest

pytest.importorskip("pandas")

from contracts.models import MODELS
from contracts.oracle import contradiction, quiet

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop, Flip

N_DRAWS = 10_000
WIDTH, KEEP, DROP = 0.4, 0.6, 0.4
# one of trees, at least, behind each reader that a model here goes through
COMPUTED = {"DecisionTree", "HistGradientBoosting", "RandomForest"}


def table(model, gaps):
    """The model's own rows, with few values in the third column and gaps in the last one."""
    X, y = model.table()
    values = np.array(X, dtype=np.float64)
    values[:, 2] = np.round(values[:, 2])
    if gaps:
        values[np.random.default_rng(5).random(len(values)) < DROP, 3] = np.nan
    return values, y


def drawn(known, gaps):
    """Draw noise by its definition."""

    def draw(rng, row, n):
        noisy = np.repeat(row[None], n, axis=0)
        noisy[:, :2] += WIDTH * rng.standard_normal((n, 2))
        others = known[known != row[2]]
        changed = rng.random(n) >= KEEP
        noisy[changed, 2] = rng.choice(others, size=int(changed.sum()))
        if gaps:
            noisy[rng.random(n) < DROP, 3] = np.nan
        return noisy

    return draw


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if not m.refused])
def test_what_is_computed_is_what_the_base_answers(name):
    model = MODELS[name]
    if model.missing:
        pytest.skip(f"{', '.join(model.missing)} is not installed")
    if model.kind == "float32":
        pytest.skip("values that replace others are known in float64")
    with quiet():
        for gaps in (True, False):
            X, y = table(model, gaps)
            laws = [WIDTH, WIDTH, Flip(keep=KEEP), Drop(drop=DROP) if gaps else 0]
            names = getattr(model.frame(X[:1]), "columns", range(4))
            try:
                clf = SmoothedClassifier(
                    model.new(), dict(zip(names, laws, strict=True)), random_state=0
                )
                rows = np.where(np.isnan(X[:2]), 0.5, X[:2])
                certificate = clf.fit(model.frame(X), y).certify(model.frame(rows), n=100)
                break
            except ValueError:  # it takes no missing values
                continue
        else:
            pytest.skip("it takes no such rows")
        assert certificate.method == "exact" or name not in COMPUTED
        if certificate.method != "exact":
            pytest.skip("it has no closed form here")
        draw = drawn(np.unique(X[:, 2]), gaps)
        reason = contradiction(certificate, clf, model.frame, rows, N_DRAWS, draw)
    assert not reason, reason
