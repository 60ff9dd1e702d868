"""What a certification is asked for, and what it was made with."""

import dataclasses
from typing import Any

from ..noise import Noise

__all__ = ["ENUMERATED", "Plan", "Run"]

ENUMERATED = "enumerated"  # the form of what was asked about all outcomes of the noise


@dataclasses.dataclass(frozen=True)
class Plan:
    """The checked arguments of one certification by sampling.

    Parameters
    ----------
    n, n0 : int
        Most draws for estimation, and draws for selection, per row. Without the latter, the former
        select too.
    alpha : float
        Level of the certificate.
    bound : str
        Name of the confidence bound, among `sksmooth.bounds.BOUNDS`.
    radii : tuple of float or None
        Draw only until each of these is certified or declined.
    tol : float or None
        Draw only as often as the n0 draws predict that the radius needs, with this loss.
    changes : int, default=0
        How many columns change beside each of `radii`, of those in which noise replaces values.

    Examples
    --------
    >>> from sksmooth.certificate import Plan
    >>> Plan(n=100_000, n0=100, alpha=0.001).draws
    100100
    """

    n: int
    n0: int
    alpha: float
    bound: str = "one-sided"
    radii: tuple[float, ...] | None = None
    tol: float | None = None
    changes: int = 0

    @property
    def draws(self) -> int:
        """Most draws per row, of both kinds."""
        return self.n0 + self.n


@dataclasses.dataclass(frozen=True)
class Run:
    """How certificates were made: the same for all rows of a `Certificate`.

    Attributes
    ----------
    noise : Noise
        The noise.
    method : {"montecarlo", "exact"}
        Whether probabilities were bounded by drawing noise or computed.
    form : str or None
        Name of the closed form that they were computed by; "enumerated" if the base was asked about
        all that the noise can make of a row.
    n, n0 : int
        Most draws for estimation, and draws for selection, per row; 0 where none are needed.
    alpha : float
        Probability, per row, with which the statement may be false.
    bound : str
        How `p_upper` was found: "one-sided" (as ``1 - p_lower``), "two-sided", or "exact".
    rule : str or None
        Name of the stopping rule.
    asked_radii : tuple of float or None
        The radii that were to be decided; None where the radius was asked for.
    asked_changes : int
        How many columns change beside each of these radii.
    tol : float or None
        The loss of radius that was allowed.
    max_radius : float
        The radius of unanimous votes: none can be larger with these settings.
    abstain_label : object
        Label of rows with nothing to certify; None stands for the selected class.
    seed : str or None
        The seed of the noise, in hexadecimal.
    stream : str
        Generator of the random bits.
    shortcut : str or None
        How votes were found faster than by asking the base about each noisy row, if they were.
    model : str or None
        What stands for the content of the base that was asked, of sampled certificates. Runs of
        other models are equal if the rest is.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> run = clf.certify(X[25::50], n=1000).run
    >>> run.n, run.n0, run.alpha, round(run.max_radius, 3)
    (1000, 100, 0.001, 1.232)
    """

    noise: Noise
    method: str = "montecarlo"
    form: str | None = None
    n: int = 0
    n0: int = 0
    alpha: float = 0.0
    bound: str = "one-sided"
    rule: str | None = None
    asked_radii: tuple[float, ...] | None = None
    tol: float | None = None
    max_radius: float = float("inf")
    abstain_label: Any = None
    seed: str | None = dataclasses.field(default=None, repr=False)  # nothing prints it
    stream: str = "philox"
    shortcut: str | None = None
    asked_changes: int = 0
    model: str | None = dataclasses.field(default=None, repr=False, compare=False)

    @classmethod
    def computed(cls, noise: Noise, form: str, abstain_label: Any) -> "Run":
        """Return the run of a closed form: no draws, and no failure probability."""
        return cls(noise, "exact", form, bound="exact", abstain_label=abstain_label)

    @classmethod
    def of_plan(cls, plan: Plan, noise: Noise, max_radius: float, **options: Any) -> "Run":
        """Return the run that carries a plan out."""
        return cls(
            noise=noise,
            n=plan.n,
            n0=plan.n0,
            alpha=plan.alpha,
            bound=plan.bound,
            asked_radii=plan.radii,
            asked_changes=plan.changes,
            tol=plan.tol,
            max_radius=max_radius,
            **options,
        )
