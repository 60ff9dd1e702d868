"""Gaussian noise in integers on a fixed grid: what a certificate may rest on."""

import dataclasses

from .floating import FloatGaussian
from .grid import GridNoise
from .samplers import FineNormal, RoundedNormal

__all__ = ["BITS", "IntegerGaussian"]

BITS = 22  # a step of the grid is sigma over two to the power of this


@dataclasses.dataclass(frozen=True)
class IntegerGaussian(GridNoise, FloatGaussian):  # type: ignore[override]
    r"""Isotropic Gaussian noise in integers on a grid: sound on a computer.

    Rows are rounded to a grid that is fixed beforehand, noise is drawn as integer multiples of the
    grid's step with the probabilities of a rounded normal, and the two are summed as integers. The
    base classifier so sees :math:`Q(x + \varepsilon)`, with Q the rounding to the grid and
    :math:`\varepsilon` an ideal normal: its composition with Q is what is smoothed, and Theorem 1
    holds for that without any assumption on floating point.

    Parameters
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.
    n_values : int
        Number of coordinates of a row.
    levels : int, default=None
        The grid is that of the multiples of ``1 / levels``, as 255 for images; `sigma` must be 8 to
        512 of its steps. None takes a step of ``sigma / 2**22``.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import IntegerGaussian
    >>> from sksmooth.noise.streams import Philox, Purpose
    >>> noise = IntegerGaussian(sigma=0.25, n_values=3, levels=255)
    >>> out = np.empty((2, 3))
    >>> stream = Philox().at(np.array([1, 2], dtype=np.uint64), 0, Purpose.PREDICT)
    >>> noise.around(np.array([0.0, 1.0, 100 / 255]))(stream, out)
    >>> np.array_equal(out * 255, np.rint(out * 255))
    True
    >>> noise.tv_error < 1e-15
    True
    """

    n_values: int
    levels: int | None = None
    kind = "integer"
    fitting = "sigma", 8, 512
    _bits = BITS
    _fine_law, _rounded_law = FineNormal, RoundedNormal

    @property
    def name(self) -> str:
        """All parameters in words. It keys the streams: another text would give other draws."""
        return f"exact normal, sigma {self.sigma!r}, levels {self.levels}, bits {BITS}"
