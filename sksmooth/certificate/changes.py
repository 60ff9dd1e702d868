"""What a certificate says about columns that change to any other value."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_changes
from ..noise import L2AndChanges

__all__ = ["OfChanges"]


class OfChanges:
    """Part of `Certificate`: radii beside a number of changed columns.

    Mixed noise is added to some columns and replaces the values of others. `radii` are radii if
    the latter stay as they are, and `radii_with` returns those if some of them change. All of
    these hold together, with probability ``1 - alpha``: they follow from the same bounds.
    """

    noise: Any
    radii: NDArray[np.float64]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    abstained: NDArray[np.bool_]

    def radii_with(self, *, changes: int) -> NDArray[np.float64]:
        """Return the radii beside a number of changed columns.

        Parameters
        ----------
        changes : int
            How many columns may change, at most, of those in which noise replaces values.

        Returns
        -------
        radii : ndarray of shape (n_samples,), float64
            The smoothed classifier answers ``labels[i]`` at every row that differs from row i in at
            most `changes` of these columns and, in the columns with added noise, by a length below
            ``radii[i]``, in the norm `norm` (Delattre et al. 2026, arXiv:2605.12876). This holds
            with probability ``1 - alpha``, for all numbers of changes together. 0 says that so many
            columns may change if the others stay. NaN where so many changes are not certified.

        Raises
        ------
        ValueError
            If the noise replaces no values and `changes` is not 0; or if it is added to no column,
            so that `radii` are numbers of changed columns themselves.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from sksmooth import SmoothedClassifier
        >>> from sksmooth.noise import Flip
        >>> rng = np.random.default_rng(0)
        >>> X = np.column_stack([rng.normal(size=300), rng.integers(3, size=300)])
        >>> sigma = {0: 0.5, 1: Flip(keep=0.8)}
        >>> clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=1), sigma, random_state=0)
        >>> certificate = clf.fit(X, X[:, 0] > 0).certify([[1.5, 2.0], [0.5, 1.0]])
        >>> certificate.radii_with(changes=0).round(2), certificate.radii_with(changes=1).round(2)
        (array([2.97, 0.97]), array([2.43,  nan]))
        >>> certificate.max_changes
        array([1, 0])
        """
        number = check_changes(changes)
        if number not in self._radii_beside:
            self._radii_beside[number] = self._beside(number)
        return self._radii_beside[number]

    @functools.cached_property
    def max_changes(self) -> NDArray[np.int64]:
        """How many columns may change to any other value if the columns with added noise stay.

        Of shape (n_samples,). -1 for abstained rows; 0 for noise that replaces no values.
        """
        most = self.noise.max_changes(self.p_lower, self.p_upper)
        return np.where(self.abstained, -1, most).astype(np.int64)

    @functools.cached_property
    def _radii_beside(self) -> dict[int, NDArray[np.float64]]:
        return {}

    def _columns_of_changes(self) -> dict[str, NDArray[Any]]:
        """Return the columns of `to_frame` that only mixed noise has."""
        if not isinstance(self.noise.norm, L2AndChanges):
            return {}
        numbers = range(1, int(self.max_changes.max(initial=0)) + 1)
        radii = {f"radius_{k}_changed": self.radii_with(changes=k) for k in numbers}
        return {"max_changes": self.max_changes, **radii}

    def _beside(self, changes: int) -> NDArray[np.float64]:
        if self.noise.norm.kind == "l0":
            raise ValueError(
                "These radii are numbers of changes, and no length is certified beside them: "
                "compare radii with the number."
            )
        radii = self.radii
        if changes:
            radii = self.noise.radius_with(changes, self.p_lower, self.p_upper)
        return np.where(self.abstained, np.nan, radii)
