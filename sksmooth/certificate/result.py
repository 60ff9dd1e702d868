"""What every result has: arrays with a line per row, the settings of its run, a summary."""

import abc
import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .plan import Run

__all__ = ["Result"]

_OF_RUN = frozenset(field.name for field in dataclasses.fields(Run))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Result(abc.ABC):
    """Arrays with a line per row, and the settings that they were made with.

    Attributes
    ----------
    run : Run
        The settings. Its fields are attributes of the result, too.
    index : pandas.Index of length n_samples or None
        Index of the data frame that was certified, if it was one of pandas.
    feature_names : tuple of str or None
        Names of its columns, if it had any.
    """

    run: Run = dataclasses.field(kw_only=True)
    index: Any = dataclasses.field(default=None, kw_only=True)
    feature_names: tuple[str, ...] | None = dataclasses.field(default=None, kw_only=True)

    _PER_ROW: ClassVar[tuple[str, ...]]  # its arrays with a line per row; two of them unpack
    _SHARED: ClassVar[tuple[str, ...]] = ()  # what else is the same for all rows

    def __post_init__(self) -> None:
        for name in (*self._PER_ROW, *self._SHARED):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                view = value.view()
                view.setflags(write=False)  # the view only: the caller's array is left alone
                object.__setattr__(self, name, view)

    def __getattr__(self, name: str) -> Any:
        # what the run was made with: method, noise, n, alpha, seed and so on
        if name in _OF_RUN and "run" in vars(self):
            return getattr(self.run, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_OF_RUN})

    @property
    def sigma(self) -> Any:
        """Standard deviation of the noise, in the units of X; a tuple if features differ."""
        return getattr(self.noise, "sigma", None)

    @property
    def norm(self) -> str:
        """Norm of the radii."""
        return str(self.noise.norm)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        yield from (getattr(self, name) for name in self._PER_ROW[:2])

    def __len__(self) -> int:
        return len(getattr(self, self._PER_ROW[0]))

    def __getitem__(self, rows: Any) -> Self:
        """Select rows: by position, slice, mask or list of positions."""
        if isinstance(rows, int | np.integer):
            rows = [rows]
        if hasattr(rows, "to_numpy"):  # a mask of pandas
            rows = rows.to_numpy()
        index = None if self.index is None else self.index[rows]
        chosen: dict[str, Any] = {k: getattr(self, k)[rows] for k in self._PER_ROW}
        return dataclasses.replace(self, index=index, **chosen)

    def equals(self, other: Any) -> bool:
        """Return whether another result is the same in everything but the seed.

        Parameters
        ----------
        other : object
            Anything; only a result of the same class can be equal.

        Returns
        -------
        equal : bool
            True if rows, settings, noise, index and feature names are the same, and the classes if
            there are any; numbers to the last bit. The seed does not count.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import NearestCentroid
        >>> from sksmooth import SmoothedClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
        >>> certificate = clf.certify(X[25::50], n=1000)
        >>> certificate.equals(clf.certify(X[25::50], n=1000)), certificate.equals(certificate[:2])
        (True, False)
        """
        from .concat import same

        if type(other) is not type(self):
            return False
        runs = [dataclasses.replace(c.run, seed=None) for c in (self, other)]
        names = (*self._PER_ROW, *self._SHARED, "index", "feature_names")
        return same(*runs) and all(same(getattr(self, k), getattr(other, k)) for k in names)

    def summary(self) -> str:
        """Return what is certified, how it was found and what it guarantees, as text.

        Returns
        -------
        text : str
            Some lines to print. The seed is not in it.
        """
        from .summary import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from .summary import as_html

        return as_html(self)

    def to_frame(self, index: Any = None) -> Any:
        """Return a pandas DataFrame with one line per row.

        Parameters
        ----------
        index : array-like of shape (n_samples,), default=None
            Index of the frame; None for that of the frame that was certified, if it had one.

        Returns
        -------
        frame : pandas.DataFrame
            The results of each row, in columns with the names of the attributes.
        """
        import pandas as pd  # optional: only this method needs it

        return pd.DataFrame(self._columns(), index=self.index if index is None else index)

    @abc.abstractmethod
    def _columns(self) -> dict[str, Any]:
        """Return the columns of `to_frame`."""
