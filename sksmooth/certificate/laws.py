"""Laws in, certificates out: what closed forms prove."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..closed_forms import FLOOR, Law
from ..labels import decode
from ..noise import Noise
from .certificate import Certificate
from .plan import Run

__all__ = ["certify_law", "decide_law", "frequencies_of_law"]


def certify_law(
    law: Law, *, noise: Noise, classes: NDArray[Any], abstain_label: Any, form: str
) -> Certificate:
    """Turn bounds that always hold into a Certificate: alpha is 0, and there are no draws.

    Parameters
    ----------
    law : Law
        Bounds on the class probabilities of each row.
    noise : Noise
        The noise; it turns tails into radii.
    classes : ndarray of shape (n_classes,)
        Labels of the law's columns.
    abstain_label : object
        Label of rows with nothing to certify; None keeps the class of which most is known.
    form : str
        Name of the closed form.

    Returns
    -------
    certificate : Certificate
        Holds for every row (Theorem 1 of arXiv:1902.02918).
    """
    # nothing is told from FLOOR: not even that there is no other class
    radii = noise.radius_of_tails(np.maximum(law.top_miss, FLOOR), np.maximum(law.rival, FLOOR))
    if radii is None:
        raise TypeError(f"{type(noise).__name__} gives no radius for tails")
    if law.radius is not None:  # nothing is known of a class that may always lose
        proved = np.where(law.top_miss < 1, law.radius, 0.0) * noise.unit
        radii = np.maximum(radii, np.where(proved > 0, np.nextafter(proved, 0.0), 0.0))
    radii_l2 = noise.l2_radius(radii)
    if law.distance is not None:
        radii_l2 = np.where(radii > 0, np.maximum(radii_l2, law.distance), 0.0)
    abstained, n = ~(radii >= noise.target(0.0)), len(radii)
    radii = np.maximum(radii, 0.0)
    return Certificate(
        labels=decode(law.top, abstained, classes, abstain_label),
        radii=radii,
        radii_l2=radii_l2,
        abstained=abstained,
        p_lower=np.maximum(np.nextafter(1.0 - law.top_miss, 0.0), 0.0),
        p_upper=law.rival,
        width=law.width,
        tv_error=np.zeros(n),
        selected=classes[law.top],
        counts=np.zeros((n, 0), dtype=np.int64),
        n_draws=np.zeros(n, dtype=np.int64),
        stop_reason=np.full(n, "exact"),
        classes=classes,
        run=Run.computed(noise, form, abstain_label),
    )


def decide_law(law: Law) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class of which most is known, and whether another one may be the answer."""
    return law.top, ~(law.rival < 1.0 - law.top_miss)


def frequencies_of_law(law: Law) -> NDArray[np.float64]:
    """Return the middle of the interval that each class's probability lies in; rows sum to 1."""
    middle = 0.5 * (law.upper + (1.0 - law.miss))
    return middle / middle.sum(axis=1, keepdims=True)
