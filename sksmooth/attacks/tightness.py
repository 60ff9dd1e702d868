"""How tight certified radii are: attacks within and beyond them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..certificate import Certificate
from ..estimators import check_rows, smoother_of
from .pgd import pgd_attack

__all__ = ["Tightness", "tightness_curve"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Tightness:
    """What attacks have found around certified rows.

    Unpacks as ``factors, shares = result``.

    Attributes
    ----------
    factors : ndarray of shape (n_factors,)
        Multiples of the certified radii, rising.
    shares : ndarray of shape (n_factors,)
        Share of the certified rows near which another answer was found, no further away than the
        factor times the radius; NaN if no row is certified.
    certified : ndarray of shape (n_samples,), bool
        Rows with a positive, finite radius: those that were attacked.
    distance : ndarray of shape (n_samples,), float64
        How far from the row another answer was found; inf where none was.
    success : ndarray of shape (n_factors, n_samples), bool
        What the shares count.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.attacks import Tightness
    >>> Tightness(
    ...     factors=np.array([1.0, 1.5]), shares=np.array([0.0, 0.5]),
    ...     certified=np.array([True, True]), distance=np.array([1.2, np.inf]),
    ...     success=np.array([[False, False], [True, False]]),
    ... )
    <Tightness of 2 certified rows: 0.0% at 1 R, 50.0% at 1.5 R>
    """

    factors: NDArray[np.float64]
    shares: NDArray[np.float64]
    certified: NDArray[np.bool_]
    distance: NDArray[np.float64]
    success: NDArray[np.bool_]

    def __iter__(self) -> Any:
        yield self.factors
        yield self.shares

    def __repr__(self) -> str:
        found = ", ".join(
            f"{share:.1%} at {factor:g} R"
            for factor, share in zip(self.factors, self.shares, strict=True)
        )
        return f"<Tightness of {int(self.certified.sum())} certified rows: {found}>"


def tightness_curve(
    clf: Any,
    X: ArrayLike,
    certificate: Certificate,
    factors: Sequence[float] = (1.0, 1.5, 2.0),
    **options: Any,
) -> Tightness:
    """Attack rows within multiples of their certified radii: the experiment of Section 4 of [1]_.

    A row that has fallen within one multiple counts for all larger ones, and is not attacked again.

    Parameters
    ----------
    clf : SmoothedClassifier
        Fitted, around a skorch net.
    X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
        Rows.
    certificate : Certificate
        Theirs, by `clf`.
    factors : sequence of float, default=(1.0, 1.5, 2.0)
        Multiples of the certified radii.
    **options : dict
        Further arguments of `sksmooth.attacks.pgd_attack`, such as steps or random_state.

    Returns
    -------
    result : Tightness
        Unpacks as ``factors, shares``. At factors of 1 or less, a success means that a certificate
        is false or an answer of `clf` is; each is with probability alpha at most. Above, shares are
        a lower bound on what is there to be found: a better attack finds more. Cohen et al. found
        17 % at 1.5 and 53 % at 2, for ImageNet at sigma 0.25.

    Raises
    ------
    ValueError
        If the certificate is not of these rows or this noise; and as of `pgd_attack`.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld and J. Z. Kolter (2019). "Certified Adversarial Robustness via
       Randomized Smoothing". ICML. arXiv:1902.02918.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn.datasets import make_blobs
    >>> from skorch import NeuralNetClassifier
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.attacks import tightness_curve
    >>> X, y = make_blobs(200, centers=2, random_state=0)
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Linear(2, 2), criterion=torch.nn.CrossEntropyLoss, lr=0.1, verbose=0
    ... )
    >>> clf = SmoothedClassifier(net, sigma=0.5, random_state=0).fit(X.astype(np.float32), y)
    >>> certificate = clf.certify(X[:20], n=1000)
    >>> factors, shares = tightness_curve(clf, X[:20], certificate, (1.0, 4.0), steps=10)
    >>> float(shares[0]), bool(shares[1] > 0.5)
    (0.0, True)
    """
    rows, noise = check_rows(clf, X), smoother_of(clf).noise
    if len(certificate) != len(rows):
        raise ValueError(f"X has {len(rows)} rows, but the certificate is of {len(certificate)}.")
    theirs = certificate.noise
    if (theirs.label, theirs.norm) != (noise.label, noise.norm):
        raise ValueError(
            f"The certificate is for noise of {theirs.label}, but clf now has {noise.label}. "
            "Certify again."
        )
    multiples = np.unique(np.asarray(factors, dtype=np.float64))
    if not len(multiples) or not np.all((multiples > 0) & np.isfinite(multiples)):
        raise ValueError(f"factors must be positive, finite numbers; got {factors!r}.")
    certified = ~certificate.abstained & (certificate.radii > 0) & np.isfinite(certificate.radii)
    distance = np.full(len(rows), np.inf)
    success = np.zeros((len(multiples), len(rows)), dtype=bool)
    for number, factor in enumerate(multiples):
        left = np.flatnonzero(certified & np.isinf(distance))
        if len(left):
            radius = factor * certificate.radii[left]
            found = pgd_attack(clf, rows[left], certificate.labels[left], radius, **options)
            distance[left[found.success]] = found.distance[found.success]
        success[number] = np.isfinite(distance)
    total = int(certified.sum())
    shares = success.sum(axis=1) / total if total else np.full(len(multiples), np.nan)
    return Tightness(multiples, shares, certified, distance, success)
