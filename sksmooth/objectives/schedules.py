"""Parameters that change from epoch to epoch."""

import abc
import dataclasses

__all__ = ["Deferred", "Schedule", "Warmup"]


class Schedule(abc.ABC):
    """A number that depends on the epoch; any parameter of an objective may be one.

    See Also
    --------
    Warmup : Rises to its value.
    Deferred : Zero at first, then its value.
    """

    @abc.abstractmethod
    def at(self, epoch: int) -> float:
        """Return the number for an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.

        Returns
        -------
        value : float
            What the parameter is in that epoch.
        """


@dataclasses.dataclass(frozen=True)
class Warmup(Schedule):
    """Rises in equal steps over the first epochs, then stays.

    The authors of SmoothAdv warm up `epsilon` so, and those of SmoothMix `eta`, over 10 epochs.

    Parameters
    ----------
    value : float
        The number from the last of those epochs on.
    epochs : int, default=10
        Number of epochs; the first has ``value / epochs``.

    Examples
    --------
    >>> from sksmooth.objectives import SmoothAdv, Warmup
    >>> objective = SmoothAdv(epsilon=Warmup(1.0, epochs=4))
    >>> [objective.at(epoch).epsilon for epoch in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    value: float
    epochs: int = 10

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be 1 or more; got {self.epochs}.")

    def at(self, epoch: int) -> float:
        """Return the number for an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.

        Returns
        -------
        value : float
            At most `value`.
        """
        return self.value * min(1.0, (epoch + 1) / self.epochs)


@dataclasses.dataclass(frozen=True)
class Deferred(Schedule):
    """Zero in the first epochs, then the value.

    MACER on top of a net that was trained under plain noise first: ``lam=Deferred(16.0, 30)``, with
    the number of epochs before the learning rate first drops.

    Parameters
    ----------
    value : float
        The number after those epochs.
    epochs : int
        Number of epochs with zero.

    Examples
    --------
    >>> from sksmooth.objectives import MACER, Deferred
    >>> objective = MACER(lam=Deferred(16.0, epochs=2))
    >>> [objective.at(epoch).lam for epoch in range(4)]
    [0.0, 0.0, 16.0, 16.0]
    """

    value: float
    epochs: int

    def at(self, epoch: int) -> float:
        """Return the number for an epoch.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.

        Returns
        -------
        value : float
            0 or `value`.
        """
        return 0.0 if epoch < self.epochs else self.value
