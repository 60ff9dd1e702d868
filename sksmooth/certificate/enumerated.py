"""The votes of all outcomes of the noise in, certificates out: nothing is estimated."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bounds.rational import round_down, round_up
from ..labels import decode
from ..noise import Noise
from ..sampling import Enumerator
from .certificate import Certificate
from .plan import ENUMERATED, Run

__all__ = ["certify_by_outcomes", "frequencies_of_outcomes", "predict_by_outcomes"]

Votes = Sequence[tuple[list[int], int]]


class _Proved(NamedTuple):
    codes: NDArray[np.intp]
    abstained: NDArray[np.bool_]
    radii: NDArray[np.float64]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    width: NDArray[np.float64]


def certify_by_outcomes(
    enumerator: Enumerator, classes: NDArray[Any], abstain_label: Any = None
) -> Certificate:
    """Certify rows by the votes of all that noise can make of them: alpha is 0.

    Parameters
    ----------
    enumerator : Enumerator
        Gives the votes.
    classes : ndarray of shape (n_classes,)
        Labels of the votes.
    abstain_label : object, default=None
        Label of rows with nothing to certify; None keeps the top class.

    Returns
    -------
    certificate : Certificate
        Holds for every row. Probabilities are exact, up to the rounding of `p_lower` and `p_upper`,
        which is outward; radii are those that the noise proves from them.
    """
    found = _proved(enumerator.noise, enumerator.votes())
    n = len(found.codes)
    return Certificate(
        labels=decode(found.codes, found.abstained, classes, abstain_label),
        radii=found.radii,
        abstained=found.abstained,
        p_lower=found.p_lower,
        p_upper=found.p_upper,
        width=found.width,
        tv_error=np.zeros(n),
        selected=classes[found.codes],
        counts=np.zeros((n, 0), dtype=np.int64),
        n_draws=np.zeros(n, dtype=np.int64),
        stop_reason=np.full(n, "exact"),
        classes=classes,
        run=dataclasses.replace(
            Run.computed(enumerator.noise, ENUMERATED, abstain_label),
            shortcut=enumerator.shortcut,
        ),
    )


def predict_by_outcomes(enumerator: Enumerator) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the top class of each row, and which rows have nothing to certify."""
    found = _proved(enumerator.noise, enumerator.votes())
    return found.codes, found.abstained


def frequencies_of_outcomes(enumerator: Enumerator) -> NDArray[np.float64]:
    """Return the probability of each class; the largest of a row is that of its top class."""
    votes = enumerator.votes()
    n_classes = enumerator.backend.n_classes
    p = np.array([[v / total for v in line] for line, total in votes]).reshape(-1, n_classes)
    top = _top(votes)
    rows = np.flatnonzero(p.argmax(axis=1) != top)  # they differ by less than floats can show
    p[rows, top[rows]] = np.nextafter(p[rows].max(axis=1), 1.0)
    return p


def _top(votes: Votes) -> NDArray[np.intp]:
    """Return the class of each row with the most votes, of equals the first."""
    return np.array([line.index(max(line)) for line, _ in votes], dtype=np.intp)


def _proved(noise: Noise, votes: Votes) -> _Proved:
    codes = _top(votes)
    bounds = np.empty((len(votes), 3))
    tied = np.zeros(len(votes), dtype=bool)
    for i, (code, (line, total)) in enumerate(zip(codes.tolist(), votes, strict=True)):
        rival = max([0, *line[:code], *line[code + 1 :]])
        tied[i] = rival == line[code]
        p = Fraction(line[code], total)
        low = round_down(p)
        bounds[i] = low, round_up(Fraction(rival, total)), round_up(p) - low
    p_lower, p_upper, width = bounds.T
    reached = noise.reached_by_votes([line for line, _ in votes]) if votes else None
    if reached is None:
        radii = np.where(p_lower > p_upper, noise.radius(p_lower, p_upper), 0.0)
        return _Proved(codes, tied, radii, p_lower, p_upper, width)
    abstained = ~(reached >= noise.target(0.0))  # a tie may have a certificate, too
    return _Proved(codes, abstained, reached, p_lower, p_upper, width)
