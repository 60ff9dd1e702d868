"""Noise that replaces categories, for numbers of changed columns."""

import dataclasses
import math

from ..checks import is_real
from .base import Noise
from .binary_flip import BinaryFlipNoise
from .flip_noise import FlipNoise
from .specification import Rows, Specification

__all__ = ["Flip"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flip(Specification):
    """Noise that replaces categories: certificates are numbers of columns that may change.

    Every column holds categories: text, dates or anything else in data frames and arrays of
    objects, or numbers, such as ``OrdinalEncoder`` makes. The noise draws from the categories that
    the column had in `fit`. Put encoders inside the base, so that a category is one column, and a
    change of it is one change. A column with a single value gets no noise, and certificates say
    nothing about changes of it. The smoother's `sigma` is not used.

    A category that was not seen in `fit` is replaced by one that was, all with the same
    probability. So certificates cover changes to new categories, too. Missing values stay missing;
    certificates cover changes of the values that are there.

    Tables of few categories have many equal rows. Let the base see several noisy copies: with
    ``n_augment=2`` or more all rows have noise of their own, with 1 equal rows have equal noise.

    Give either `keep`, or `add` and `remove` for columns of zeros and ones.

    Parameters
    ----------
    keep : float, default=None
        Probability that a category is kept. Otherwise one of the other categories of its column
        takes its place, each with the same probability, which must be smaller than `keep`.
    add, remove : float, default=None
        Probability that a 0 becomes a 1, and that a 1 becomes a 0: from 0, below 1. For sparse
        rows, a small `add` and a large `remove` [1]_.

    See Also
    --------
    FlipNoise, BinaryFlipNoise : The noise that is drawn.

    References
    ----------
    .. [1] A. Bojchevski, J. Klicpera and S. Gunnemann (2020). "Efficient Robustness Certificates
       for Discrete Data". ICML. arXiv:2008.12952.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import BernoulliNB
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Flip
    >>> X = np.random.default_rng(0).integers(2, size=(200, 9))
    >>> y = (X.sum(axis=1) > 4).astype(int)
    >>> clf = SmoothedClassifier(BernoulliNB(), noise=Flip(keep=0.8), random_state=0).fit(X, y)
    >>> certificate = clf.certify(np.array([[0] * 9, [1] * 9]), n=10_000)
    >>> certificate.norm, certificate.radii
    ('l0', array([1., 1.]))
    """

    keep: float | None = None
    add: float | None = None
    remove: float | None = None
    additive = False

    def __post_init__(self) -> None:
        for name in ("keep", "add", "remove"):
            if not (is_real(getattr(self, name)) or getattr(self, name) is None):
                raise ValueError(
                    f"{name} must be one number for all columns; got {getattr(self, name)!r}."
                )
        binary = (self.add is not None, self.remove is not None)
        if any(binary) != all(binary) or all(binary) == (self.keep is not None):
            raise ValueError(
                "Flip needs keep, or both add and remove, and not all three; got "
                f"keep={self.keep!r}, add={self.add!r} and remove={self.remove!r}."
            )

    @property
    def needs_categories(self) -> bool:  # type: ignore[override]
        """Whether `bind` needs the categories of the training rows."""
        return self.keep is not None

    @property
    def columns_hold(self) -> str:  # type: ignore[override]
        """What columns may hold: "values" of any kind, or zeros and ones."""
        return "numbers" if self.keep is None else "values"

    def bind(self, rows: Rows) -> Noise:
        """Return the `FlipNoise` of the rows' categories, or a `BinaryFlipNoise`.

        Parameters
        ----------
        rows : Rows
            Their shape, and their categories.

        Returns
        -------
        noise : FlipNoise or BinaryFlipNoise
            In integers.
        """
        rows.refuse_float("Flip")
        if self.keep is None:
            assert self.add is not None
            assert self.remove is not None
            return BinaryFlipNoise.turning(self.add, self.remove, math.prod(rows.shape))
        if rows.categories is None:
            raise ValueError(
                "Flip draws from the categories that are seen in fit; fit again with this noise."
            )
        return FlipNoise.keeping(self.keep, [c if len(c) > 1 else () for c in rows.categories])
