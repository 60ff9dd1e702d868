"""Warnings of this package, by what they are about.

Each says at its end where the documentation explains it. All are ``UserWarning``, so that one
filter silences or raises them: ``warnings.simplefilter("error", SmoothingWarning)``.
"""

__all__ = [
    "ModelWarning",
    "NothingCertifiedWarning",
    "SmoothingWarning",
    "SpeedWarning",
    "TrainingWarning",
    "UnitsWarning",
]

_PAGE = "https://sksmooth.readthedocs.io/en/latest/troubleshooting.html"


class SmoothingWarning(UserWarning):
    """What all warnings of this package are.

    Examples
    --------
    >>> import warnings
    >>> from sksmooth.exceptions import SmoothingWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", SmoothingWarning)
    """

    section = ""

    def __str__(self) -> str:
        return f"{super().__str__()} [{_PAGE}{self.section}]"


class UnitsWarning(SmoothingWarning):
    """A radius may not mean what its reader thinks: scales, codes, units that differ."""

    section = "#warning-units"


class NothingCertifiedWarning(SmoothingWarning):
    """Nothing can come of a call: too few draws, or a radius that is out of reach."""

    section = "#warning-nothing"


class ModelWarning(SmoothingWarning):
    """A model is not asked in the fast way, since it would answer otherwise, or is random."""

    section = "#warning-model"


class TrainingWarning(SmoothingWarning):
    """Training under noise may not do what is expected: lost weights, copies that leak, memory."""

    section = "#warning-training"


class SpeedWarning(SmoothingWarning):
    """The same results take longer than they could: numba or a device cannot be used."""

    section = "#warning-speed"
