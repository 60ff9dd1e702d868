"""What a report says, as plain values: the numbers behind the page and the JSON."""

import datetime
import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from ..certificate import Certificate
from ..certificate.per_feature import sentence
from ..certificate.summary import guarantee
from ..metrics import certified_accuracy_lower_bound, certified_accuracy_score
from ..metrics.scores import labels_of, radii_of
from ..noise import L2AndChanges
from ..records.head import versions

__all__ = ["content_of", "plain"]

VERSION = 2
_PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_POINTS = 250  # of a curve
_MOST_ROWS = 100  # of which every feature is looked at
_MOST_CHANGES = 8  # that have a curve of their own
_RHO = 0.001
_FACTORS = (1.0, 2.0, 2.5, 5.0, 10.0)


def content_of(
    y_true: NDArray[Any],
    certificate: Certificate,
    *,
    title: str,
    radii: Sequence[float] | None,
    confidence: float,
    n_rows: int,
    model: dict[str, Any] | None,
    intervals: Callable[[NDArray[np.intp]], Any] | None,
) -> dict[str, Any]:
    """Return the content of a report; `SCHEMA` says what is in it.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        True labels, checked.
    certificate : Certificate
        Certificates of the same rows.
    title : str
        Title of the page.
    radii : sequence of float or None
        Radii of the tables; None for some round ones.
    confidence : float
        Of the band around the curve.
    n_rows : int
        How many of the least robust rows are listed.
    model : dict or None
        What is known of the model.
    intervals : callable or None
        Returns the frame of ``per_feature`` for some of the rows, named by position.
    """
    c = certificate
    asked = c.asked_radii
    grid = np.array(asked if asked is not None else radii_of_table(c) if radii is None else radii)
    numbers = _numbers_of_changes(c)
    return {
        "schema": "sksmooth certification report",
        "schema_version": VERSION,
        "title": title,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "guarantee": guarantee(c),
        "data": {
            "n_rows": len(c),
            "feature_names": None if c.feature_names is None else list(c.feature_names),
            "classes": [
                {"label": plain(label), "n_rows": int((y_true == label).sum())}
                for label in labels_of(y_true, c)
            ],
        },
        "settings": _settings(c),
        "model": model,
        "versions": versions(),
        "results": {
            "confidence": confidence,
            "rho": _RHO,
            "certified": float(np.mean(~c.abstained)),
            "abstained": float(np.mean(c.abstained)),
            "wrong": float(np.mean(~c.abstained & (c.labels != y_true))),
            "accuracy": [_beside(y_true, c, grid, confidence, k) for k in numbers],
            "by_class": _by_class(y_true, c, grid, numbers[0]),
            "quantiles": {
                "probability": list(_PROBABILITIES),
                "p_lower": _quantiles(c.p_lower),
                "radius": _quantiles(c.radii),
            },
        },
        "features": None if intervals is None else _features(intervals, c),
        "least_robust": _least_robust(y_true, c, n_rows, numbers, intervals),
    }


def _numbers_of_changes(certificate: Certificate) -> list[int]:
    """Return beside how many changed columns accuracies are reported: several for mixed noise."""
    if certificate.asked_radii is not None or not isinstance(certificate.noise.norm, L2AndChanges):
        return [certificate.run.asked_changes]
    most = int(certificate.max_changes.max(initial=0))
    return list(range(min(max(most, 0), _MOST_CHANGES) + 1))


def _beside(
    y_true: NDArray[Any], c: Certificate, grid: NDArray[np.float64], confidence: float, changes: int
) -> dict[str, Any]:
    """Return certified accuracy beside so many changed columns: the curve, and a table."""
    asked = c.asked_radii
    curve = np.array(sorted(asked)) if asked is not None else _radii_of_curve(c, changes)
    options: Any = {"radius": grid, "changes": changes}
    balanced = certified_accuracy_score(y_true, c, classwise="balanced", **options)
    lower_bound = certified_accuracy_lower_bound(y_true, c, rho=_RHO, **options)
    return {
        "changes": changes,
        "curve": _accuracy(y_true, c, curve, confidence, changes),
        "table": _accuracy(y_true, c, grid, confidence, changes)
        | {"balanced": plain(balanced), "lower_bound": plain(lower_bound)},
    }


def radii_of_table(certificate: Certificate) -> NDArray[np.float64]:
    """Return 0 and about five round radii, up to the largest of the certificate."""
    top = float(certificate.radii.max(initial=0.0))
    if not 0 < top < np.inf:
        return np.zeros(1)
    if certificate.noise.norm.kind == "l0":
        return np.arange(0.0, min(top, 8.0) + 1)
    power = 10.0 ** math.floor(math.log10(top / 5))
    step = next(factor * power for factor in _FACTORS if factor * power >= top / 5.0000001)
    # a product of few digits, not the sum of rounded ones
    return np.array([float(f"{step * i:.12g}") for i in range(int(top / step) + 1)])


def _radii_of_curve(certificate: Certificate, changes: int) -> NDArray[np.float64]:
    radius = np.unique(np.append(0.0, np.maximum(radii_of(certificate, changes), 0.0)))
    if len(radius) > _MOST_POINTS:
        radius = radius[np.unique(np.linspace(0, len(radius) - 1, _MOST_POINTS).astype(int))]
    return np.append(radius, np.nextafter(radius[-1], np.inf))  # where it falls to 0


def _accuracy(
    y_true: NDArray[Any],
    certificate: Certificate,
    radii: NDArray[np.float64],
    confidence: float,
    changes: int,
) -> dict[str, Any]:
    """Return certified accuracy by radius, with an interval for rows that are drawn alike.

    A row counts if it is truly robust, or by a false certificate, which has a probability of at
    most alpha. So ``(p - alpha) / (1 - alpha)`` is below the share of truly robust rows, where p is
    the probability that a row counts, and Clopper and Pearson's interval holds p.
    """
    score = np.asarray(certified_accuracy_score(y_true, certificate, radius=radii, changes=changes))
    m, beyond = len(certificate), (1 - confidence) / 2
    hits = np.rint(score * m)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), m - hits + 1, beyond), 0.0)
    high = np.where(hits < m, betaincinv(hits + 1, np.maximum(m - hits, 1), 1 - beyond), 1.0)
    alpha = certificate.alpha
    return {
        "radius": plain(radii),
        "certified_accuracy": plain(score),
        "low": plain(np.maximum(low - alpha, 0.0) / (1 - alpha)),
        "high": plain(high),
    }


def _by_class(
    y_true: NDArray[Any], certificate: Certificate, radii: NDArray[np.float64], changes: int
) -> list[dict[str, Any]]:
    options: Any = {"radius": radii, "changes": changes, "classwise": True}
    scores = certified_accuracy_score(y_true, certificate, **options)
    found = []
    for label, score in scores.items():
        rows = y_true == label
        abstained = float(np.mean(certificate.abstained[rows])) if rows.any() else None
        found.append(
            {
                "label": plain(label),
                "n_rows": int(rows.sum()),
                "certified_accuracy": plain(score),
                "abstained": abstained,
            }
        )
    return found


def _settings(certificate: Certificate) -> dict[str, Any]:
    run, noise = certificate.run, certificate.noise
    seed = None
    if run.seed is not None:  # so that a log can be told to be of the same run
        seed = hashlib.sha256(bytes.fromhex(run.seed)).hexdigest()
    names = ("method", "form", "n", "n0", "alpha", "bound", "tol", "stream", "shortcut")
    return {name: plain(getattr(run, name)) for name in names} | {
        "asked_radii": None if run.asked_radii is None else list(run.asked_radii),
        "asked_changes": run.asked_changes or None,
        "max_radius": plain(run.max_radius),
        "noise": noise.kind,
        "noise_label": noise.label,
        "sigma": plain(certificate.sigma),
        "norm": certificate.norm,
        "sound": bool(noise.sound),
        "seed_sha256": seed,
    }


def _quantiles(values: NDArray[np.float64]) -> list[Any]:
    return plain(np.quantile(values, _PROBABILITIES, method="lower"))


def _features(
    intervals: Callable[[NDArray[np.intp]], Any], certificate: Certificate
) -> dict[str, Any] | None:
    """Return, for each feature, how far it alone may change, over some certified rows."""
    certified = np.flatnonzero(~certificate.abstained)
    if not len(certified):
        return None
    spaced = np.linspace(0, len(certified) - 1, min(len(certified), _MOST_ROWS)).astype(int)
    found = []
    for name, part in intervals(certified[spaced]).groupby(level=-1, sort=False):
        present = part[part["up"].notna()]  # values that are missing have no ends
        if not len(present):
            continue
        down, up = -present["down"].to_numpy(), present["up"].to_numpy()
        free = np.isinf(down) & np.isinf(up)
        found.append(
            {
                "feature": plain(name),
                "how": "exact" if (present["how"] == "exact").any() else "radius",
                "any_amount": float(free.mean()),
                "down": plain(np.quantile(down, _PROBABILITIES, method="lower")),
                "up": plain(np.quantile(up, _PROBABILITIES, method="lower")),
            }
        )
    return {"n_rows": len(spaced), "features": found}


def _least_robust(
    y_true: NDArray[Any],
    certificate: Certificate,
    n_rows: int,
    numbers: Sequence[int],
    intervals: Callable[[NDArray[np.intp]], Any] | None,
) -> list[dict[str, Any]]:
    c = certificate
    certified = np.flatnonzero(~c.abstained)
    order = certified[np.argsort(c.radii[certified], kind="stable")][:n_rows]
    frame = None if intervals is None or not len(order) else intervals(order)
    names = [plain(i if c.index is None else c.index[i]) for i in order.tolist()]
    found = []
    for place, (i, name) in enumerate(zip(order.tolist(), names, strict=True)):
        text = None if frame is None else sentence(frame, c[order], place, name=name)
        found.append(
            {
                "row": name,
                "label": plain(c.labels[i]),
                "true_label": plain(y_true[i]),
                "radius": float(c.radii[i]),
                "beside": [
                    {"changes": k, "radius": plain(radii_of(c, k)[i])}
                    for k in numbers
                    if 0 < k <= c.max_changes[i]
                ],
                "p_lower": float(c.p_lower[i]),
                "sentence": text,
            }
        )
    return found


def plain(value: Any) -> Any:
    """Return a value of Python that JSON has; None stands for infinity, and for no number."""
    if isinstance(value, np.ndarray | tuple | list):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
