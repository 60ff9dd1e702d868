"""Which values of single columns keep the answer of a fitted classifier."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificate.enumerated import predict_by_outcomes
from ..certificate.laws import decide_law
from ..certificate.per_feature import need_pandas
from ..noise import Noise, Replaced
from .reading import read_rows
from .smoother import Smoother, smoother_of

__all__ = ["per_category"]


def per_category(self: Any, X: Any, n: int | None = None) -> Any:
    """Return which values of each column with categories alone keep the answer.

    Where nothing is drawn, the smoothed classifier is evaluated at every value in turn. Where noise
    is drawn, the values follow from the radius: all of them if one change is certified, else only
    the row's own. **Two columns may not change together**: for joint changes use the radius.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.
    n : int, default=None
        Draws per row; None for the estimator's own.

    Returns
    -------
    values : pandas.DataFrame
        A line for each row and column in which ``Flip`` replaces values, with the columns

        * `value`: the row's own; None if it is missing, and then `keeps` is empty;
        * `keeps`: the values seen in `fit` that give the same answer while all other columns stay;
          empty for abstained rows;
        * `new`: whether a value that was not seen in `fit` gives the same answer, too; None for
          columns of zeros and ones;
        * `how`: "exact" if each value was evaluated, "radius" if `keeps` follows from the radius.
          Then other values may keep the answer, too.

        "exact" lines are certain; "radius" lines hold with probability ``1 - alpha``.

    Raises
    ------
    ImportError
        Without pandas.
    ValueError
        If the noise replaces the values of no column.

    See Also
    --------
    SmoothedClassifier.per_feature : The same for columns of numbers with added noise.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Flip
    >>> X = pd.DataFrame({"job": ["cook", "clerk", "none"] * 40, "home": ["rent", "own"] * 60})
    >>> base = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    >>> clf = SmoothedClassifier(base, noise=Flip(keep=0.8), n_augment=5, random_state=0)
    >>> clf.fit(X, X.job == "cook").per_category(X[:1])[["value", "keeps", "new"]]
                value          keeps    new
    row feature
    0   job      cook        (cook,)  False
        home     rent  (own, rent)     True
    """
    pd = need_pandas()
    certificate = self.certify(X, n)
    rows, frame = read_rows(self, X)
    smoother = smoother_of(self, frame)
    known = _categories(smoother.noise, smoother.row_shape)
    if not known:
        raise ValueError(
            f"{type(smoother.noise).__name__} replaces the values of no column by others that were "
            "seen in fit. per_category is for noise=Flip(...), or sigma={..., column: Flip(...)}."
        )
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    exact = certificate.method == "exact"
    kept = _asked(smoother, flat, known) if exact else _by_radius(certificate, flat, known)
    own = {j: _column(X, j) for j in known}
    names = list(range(flat.shape[1])) if certificate.feature_names is None else None
    lines: dict[str, list[Any]] = {"value": [], "keeps": [], "new": [], "how": []}
    for i in range(len(flat)):
        for j, law in known.items():
            here = kept[i, j] & (not certificate.abstained[i])
            codes = [v for v, keeps in zip(law.values, here, strict=False) if keeps]
            lines["value"].append(None if np.isnan(flat[i, j]) else own[j][i])
            lines["keeps"].append(tuple(_decoded(frame, j, codes)))
            lines["new"].append(None if law.unknown is None else bool(here[-1]))
            lines["how"].append("exact" if exact else "radius")
    features = [certificate.feature_names[j] if names is None else j for j in known]
    index = pd.RangeIndex(len(flat)) if certificate.index is None else certificate.index
    called = [getattr(index, "name", None) or "row", "feature"]
    return pd.DataFrame(lines, index=pd.MultiIndex.from_product([index, features], names=called))


def _categories(noise: Noise, shape: tuple[int, ...]) -> dict[int, Replaced]:
    """Return the laws of columns in which noise puts other values of their own."""
    marginals = noise.marginals(shape)
    laws = {} if marginals is None else marginals.replaced
    return {j: law for j, law in sorted(laws.items()) if not law.goes}


def _asked(
    smoother: Smoother, rows: NDArray[np.float64], known: dict[int, Replaced]
) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Return which values keep the answer, and behind them whether a new one does: of each row."""
    variants, places = [rows], []
    for i, row in enumerate(rows):
        for j, law in known.items():
            new = math.nextafter(law.values[-1], math.inf)  # none of them, which are ascending
            tried = (*law.values, law.values[0] if law.unknown is None else new)
            copies = np.repeat(row[None], len(tried), axis=0)
            if not np.isnan(row[j]):
                copies[:, j] = tried
            variants.append(copies)
            places.append((i, j))
    everything = np.concatenate(variants)
    closed = smoother.closed_form(rows)
    if closed is not None:
        tops, undecided = decide_law(closed.law(everything))
    else:
        tops, undecided = predict_by_outcomes(smoother.enumerator(everything))
    found, start = {}, len(rows)
    for i, j in places:
        end = start + len(known[j].values) + 1
        same = (tops[start:end] == tops[i]) & ~undecided[start:end]
        found[i, j] = same & ~np.isnan(rows[i, j])
        start = end
    return found


def _by_radius(
    certificate: Any, rows: NDArray[np.float64], known: dict[int, Replaced]
) -> dict[tuple[int, int], NDArray[np.bool_]]:
    """Return all values where any one column may change, else the row's own."""
    any_one = certificate.max_changes >= 1
    return {
        (i, j): (any_one[i] | (np.append(law.values, np.nan) == row[j])) & ~np.isnan(row[j])
        for i, row in enumerate(rows)
        for j, law in known.items()
    }


def _decoded(frame: Any, place: int, codes: list[float]) -> list[Any]:
    """Return the values behind numbers, as they were in fit."""
    tables = {} if frame is None else {column.place: column for column in frame.kept}
    if place not in tables:
        return codes
    found = tables[place].find(np.array(codes))
    assert found is not None  # these are of fit
    values = [tables[place].values[int(at)] for at in found]
    return sorted(values, key=str) if place in frame.coded else values  # hashes have no order


def _column(X: Any, place: int) -> list[Any]:
    """Return the values of a column as the user has them."""
    if hasattr(X, "iloc"):
        return list(X.iloc[:, place].tolist())
    if hasattr(X, "get_columns"):
        return list(X.get_columns()[place].to_list())
    return list(np.asarray(X)[:, place].tolist())
