"""What every noise family promises. Knows nothing of models, labels or counts."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .marginals import Marginals
from .norm import Norm
from .outcomes import Outcomes

__all__ = ["Deciding", "Draws", "Noise", "Perturb"]

Perturb = Callable[[Any, NDArray[np.floating]], None]
Deciding = tuple[Callable[..., NDArray[np.float64]], NDArray[np.float64]]


class Draws(Protocol):
    """Random numbers for training noise: numpy's Generator, or the same names for torch.

    ``sksmooth.backends.skorch.fit`` implements it for torch, so that a family is written once.
    """

    def standard_normal(self, size: tuple[int, ...]) -> Any:
        """Return standard normals."""

    def random(self, size: tuple[int, ...]) -> Any:
        """Return uniform numbers in [0, 1)."""

    def normal(self, loc: float, scale: NDArray[np.float64], size: tuple[int, ...]) -> Any:
        """Return normals with a deviation for each value of a row."""

    def integers(self, low: int, high: int, size: tuple[int, ...]) -> Any:
        """Return whole numbers from low to high - 1."""


class Noise(abc.ABC):
    """A noise distribution, bound to the shape, columns and grid of rows.

    A family owes how noisy rows are drawn and which radius the draws prove. It claims nothing
    else: no closed form and no L2 ball follow from it unless it says so itself.

    Attributes
    ----------
    kind : str
        The family's name in `KINDS`; logs hold it.
    norm : Norm
        The norm in which `radius` is measured.
    sound : bool
        Whether `around` draws, up to `tv_error`, from the law that `radius` assumes.
    tv_error : float
        Total variation distance, at most, between the noisy rows that `around` gives and those of
        the proof. It is taken off the probability of the top class.
    rounding : float
        Length, in the norm `norm`, that `radius` has taken off for the rounding of inputs.
    unit : float
        Length, in the norm `norm`, of a change by one standard deviation along one value.
    n_values : int or None
        Values of a row, if the noise knows.
    additive : bool
        Whether noise is added to rows. Where it is not, `draw` raises, and `corrupt` does it.
    closed : bool
        Whether a distance equal to the radius is within it, where radii are lengths.
    n_outcomes : int or None
        How many different rows noise can make of one, at most; None if they cannot be listed.
    proviso : str
        A sentence on the rows that a radius speaks of, if these are not all within it.
    """

    kind: str
    norm: Norm
    sound: bool
    tv_error: float
    rounding: float
    unit: float = 1.0
    n_values: int | None = None
    additive: bool = True
    closed: bool = False
    n_outcomes: int | None = None
    proviso: str = ""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """All parameters in words; part of the names of the random streams."""

    @abc.abstractmethod
    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to make noisy copies of a row.

        Row and noise are summed here, not by the caller, so that a family may sum them exactly.

        Parameters
        ----------
        row : ndarray of any shape, float32 or float64
            The row.

        Returns
        -------
        perturb : callable
            ``perturb(stream, out)`` fills `out`, of shape (n_draws, *shape) and the row's dtype,
            with noisy copies; `stream` is one of `sksmooth.noise.streams`, at the start of a
            block. Fewer draws are a prefix of more.
        """

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise for training; refused where it is not `additive`.

        Parameters
        ----------
        rng : Draws
            Random numbers of numpy or of another framework.
        shape : tuple of int
            Shape of the noise, (n_draws, *shape of a row).

        Returns
        -------
        noise : array of the given shape
            Of the kind that `rng` gives.
        """
        raise TypeError(f"{type(self).__name__} adds no noise to rows; use corrupt(rng, rows).")

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return noisy copies of rows for training: by default, rows with noise added.

        Parameters
        ----------
        rng : Draws
            Random numbers of numpy or of another framework.
        rows : array of shape (n_samples, *shape of a row)
            Of the kind that `rng` gives.

        Returns
        -------
        noisy : array of the same shape
            As `rows`.
        """
        return rows + self.draw(rng, rows.shape)

    @abc.abstractmethod
    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius within which the top class stays on top.

        Parameters
        ----------
        p_lower : array-like of float in [0, 1]
            Lower bound on the probability of the top class under noise.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means ``1 - p_lower``.

        Returns
        -------
        radius : ndarray of float64
            In the norm `norm`, rounded down; 0 where nothing is proved. In the units of the inputs
            if that norm is a length.
        """

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return where bounds prove anything: by default, where they prove a positive radius.

        In a norm that counts changes, "no change" is a statement too: that the smoothed classifier
        gives this label at the row itself.

        Parameters
        ----------
        p_lower, p_upper : array-like of float in [0, 1]
            As of `radius`.

        Returns
        -------
        proves : ndarray of bool
            False where a row is abstained on.
        """
        return self.radius(p_lower, p_upper) > 0

    def reached(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return what is compared with `target`: by default, the radius.

        Parameters
        ----------
        p_lower, p_upper : array-like of float in [0, 1]
            As of `radius`.

        Returns
        -------
        reached : ndarray of float64
            Below every target where nothing is proved.
        """
        return self.radius(p_lower, p_upper)

    def target(self, radii: ArrayLike) -> NDArray[np.float64]:
        """Return what `reached` has to be, at least, for each radius that was asked for.

        Parameters
        ----------
        radii : array-like of float
            Radii of 0 or more; 0 asks for any certificate at all.

        Returns
        -------
        target : ndarray of float64
            By default any positive radius does for 0.
        """
        # a subnormal one may be flushed to 0
        return np.maximum(np.asarray(radii, dtype=np.float64), np.finfo(np.float64).tiny)

    def deciding(self, radii: ArrayLike, n_changed: int = 0) -> Deciding:
        """Return what bounds have to reach for radii that are asked for, beside some changes.

        Parameters
        ----------
        radii : array-like of float
            Radii of 0 or more; 0 asks for any certificate at all.
        n_changed : int, default=0
            How many columns change as well, of those in which noise replaces values.

        Returns
        -------
        reached : callable
            ``reached(p_lower, p_upper)``; by default `reached`.
        targets : ndarray of float64
            What that has to be for each radius; by default `target`.
        """
        if n_changed:
            self.radius_with(n_changed, 0.0)
        return self.reached, self.target(radii)

    def radius_with(
        self, n_changed: int, p_lower: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the radius beside some changed columns, for mixed noise; others refuse any.

        Parameters
        ----------
        n_changed : int
            How many columns change, at most.
        p_lower, p_upper : array-like of float in [0, 1]
            As of `radius`.

        Returns
        -------
        radius : ndarray of float64
            NaN where that many changes are not certified.
        """
        if n_changed:
            what = "none are replaced: columns of one value in fit get no noise"
            what = "its radii are numbers of changes" if self.norm.kind == "l0" else what
            raise ValueError(
                f"changes={n_changed} is for noise that is added to some columns and replaces the "
                f"values of others, such as sigma={{'age': 2.0, 'colour': Flip(keep=0.6)}}; with "
                f"{self.label} {what}."
            )
        return np.where(self.proves(p_lower, p_upper), self.radius(p_lower, p_upper), np.nan)

    def max_changes(
        self, p_lower: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return how many columns may change to any other value; -1 where nothing is proved.

        Parameters
        ----------
        p_lower, p_upper : array-like of float in [0, 1]
            As of `radius`.

        Returns
        -------
        changes : ndarray of float64
            By default 0: noise that is added says nothing of such changes.
        """
        return np.where(self.proves(p_lower, p_upper), 0.0, -1.0)

    def l2_radius(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Return the radius of the L2 ball that lies in a ball of the norm.

        Parameters
        ----------
        radius : array-like of float
            Radii in the norm `norm`.

        Returns
        -------
        radius : ndarray of float64
            In the units of the inputs, rounded down; 0 where none is known.
        """
        radius = np.asarray(radius, dtype=np.float64)
        if self.n_values is None and self.norm.kind != "l2":
            return np.zeros(radius.shape)
        n = self.n_values if self.norm.scale is None else len(self.norm.scale)
        return self.norm.l2(radius, (n or 1,))

    def radius_in(
        self, kind: str, p_lower: NDArray[np.float64], p_upper: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return radii in another norm that bounds prove; None: what `Norm.ball` says."""
        return None

    def overlaps(
        self, delta: NDArray[np.float64], p_lower: NDArray[np.float64], p_upper: NDArray[np.float64]
    ) -> NDArray[np.bool_] | None:
        """Return whether changes of flattened rows are certified; None: by their length."""
        return None

    def on_grid(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which rows certificates speak of: by default, all."""
        return np.ones(len(X), dtype=bool)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return the radius that upper bounds on tails prove, to the last digit; None if unknown.

        Parameters
        ----------
        miss : ndarray of float in [0, 1]
            Upper bound on the probability of all classes but the top one.
        rival : ndarray of float in [0, 1]
            Upper bound on the probability of every other class.

        Returns
        -------
        radius : ndarray of float64 or None
            In the norm `norm`, rounded down.
        """
        return None

    def marginals(self, shape: tuple[int, ...]) -> Marginals | None:
        """Return the laws of single values, if these are independent; None claims nothing.

        Parameters
        ----------
        shape : tuple of int
            Shape of a row.

        Returns
        -------
        marginals : Marginals or None
            None: no closed form is known for this noise.
        """
        return None

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes | None:
        """Return all that noise can make of a row, with exact probabilities; None if unknown."""
        return None

    def reached_by_votes(self, votes: Sequence[Sequence[int]]) -> NDArray[np.float64] | None:
        """Return what the votes of all outcomes prove, where that is more than `reached` says.

        Parameters
        ----------
        votes : sequence of sequence of int
            For each row, at least one, the weights of its outcomes, class by class.

        Returns
        -------
        reached : ndarray of float64 or None
            What is compared with `target`, of the class of each row with the most votes, of equals
            the first. None: by their probabilities.
        """
        return None

    def unknown(self, X: NDArray[np.floating]) -> list[int]:
        """Return the columns, of flattened rows, with values that noise does not know."""
        return []

    def probed(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows that probes of a model lie around: by default, the rows themselves.

        Parameters
        ----------
        X : ndarray of shape (n_samples, *shape)
            Rows, at least one.

        Returns
        -------
        rows : ndarray of shape (n_rows, *shape)
            A function of X alone. Probes add `deviations` to them.
        """
        return X

    @abc.abstractmethod
    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return how wide the noise is, value by value: the scale of probes and of training.

        Parameters
        ----------
        shape : tuple of int
            Shape of a row.

        Returns
        -------
        deviations : ndarray of that shape, float64
            Standard deviations. Read-only if all are alike.
        """

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """The parameters in few words, for legends and messages."""
