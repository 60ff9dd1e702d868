"""What users write to choose a noise, and what it is bound to."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from .base import Noise

__all__ = ["Rows", "Specification"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a specification is bound to: what the smoother knows of the training rows.

    Parameters
    ----------
    sigma : float or tuple of float
        The smoother's `sigma`, checked: one number, or one for each value of a row.
    shape : tuple of int
        Shape of a row.
    levels : int or None
        The grid that the training rows lie on, if they are images of bytes.
    arithmetic : {"integer", "float"}
        How row and noise are summed.
    categories : tuple of tuple of float, default=None
        The values of each column in the training rows, ascending, if they are asked for.
    units : tuple of float, default=None
        The smoother's `units`, checked; then sigma is one number.
    names : tuple of str, default=None
        Names of the columns, if the training rows had any.

    Examples
    --------
    >>> from sksmooth.noise import Gaussian, Rows
    >>> Gaussian().bind(Rows(sigma=0.5, shape=(3,))).label
    'sigma=0.5'
    """

    sigma: float | tuple[float, ...]
    shape: tuple[int, ...]
    levels: int | None = None
    arithmetic: str = "integer"
    categories: tuple[tuple[float, ...], ...] | None = None
    units: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = None

    def refuse_float(self, family: str) -> None:
        """Refuse floating-point arithmetic, for noise that is drawn in integers only.

        Parameters
        ----------
        family : str
            Name for the message.

        Raises
        ------
        ValueError
            If `arithmetic` is not "integer".
        """
        if self.arithmetic != "integer":
            raise ValueError(
                f"{family} noise is drawn with arithmetic='integer' only; got {self.arithmetic!r}."
            )


class Specification(abc.ABC):
    """What users write to choose a noise: frozen, cloned and searched like any parameter.

    A subclass is a frozen dataclass of the family's parameters.

    Attributes
    ----------
    needs_categories : bool
        Whether `bind` needs the categories of the training rows.
    additive : bool
        Whether the noise is added to numbers.
    takes_units : bool
        Whether it takes `Rows.units`.
    columns_hold : {"numbers", "values", "anything"}
        What columns with noise may hold: numbers; values of any kind, which noise replaces by
        others that were seen in `fit`; or anything, which noise makes missing.
    """

    needs_categories: ClassVar[bool] = False
    columns_hold: ClassVar[str] = "numbers"
    additive: ClassVar[bool] = True
    takes_units: ClassVar[bool] = False

    def still(self, n_columns: int, names: Sequence[str] | None) -> list[bool]:
        """Return which columns get no noise, for noise that is not for all columns.

        Parameters
        ----------
        n_columns : int
            How many columns there are.
        names : sequence of str or None
            Their names, if they have any.

        Returns
        -------
        still : list of bool
            Whether a column gets none, column by column.
        """
        return [False] * n_columns

    @abc.abstractmethod
    def bind(self, rows: Rows) -> Noise:
        """Return the noise for rows of this kind.

        Parameters
        ----------
        rows : Rows
            Their shape, grid and sigma.

        Returns
        -------
        noise : Noise
            Frozen. Equal specifications bound to equal rows are equal.
        """
