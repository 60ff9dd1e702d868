"""L1 radii that bounds on the class probabilities prove under Laplace and uniform noise."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .radius import tails_of

__all__ = ["radius_laplace", "radius_uniform"]

# a logarithm, a sum and two products err by less than 2**-50 relative
_OUTWARD = 2.0**-50
_MARGIN = 1 - 2.0**-48


def radius_laplace(
    p_lower: ArrayLike,
    p_upper: ArrayLike | None = None,
    scale: float = 1.0,
    *,
    miss: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""L1 radius proved by smoothing with Laplace noise.

    .. math:: R = \frac{b}{2} \left(L(p_A) - L(p_B)\right)

    with L the quantile function of the standard Laplace distribution.

    Parameters
    ----------
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class under noise.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``, for which
        the radius is :math:`-b \log(2 (1 - p_A))`.
    scale : float, default=1.0
        The noise's mean size b, in the units of the inputs. Its standard deviation is
        :math:`\sqrt{2} b`.
    miss : array-like of float in [0, 1], default=None
        Upper bound on the probability of all classes but the top one, in place of `p_lower`, which
        is then ignored: it keeps the digits of very small probabilities.

    Returns
    -------
    radius : ndarray of float64
        In the units of `scale`, rounded down; 0 where the bounds prove nothing, infinite where no
        other class is ever answered.

    Notes
    -----
    Along a direction of L1 length 1, the probability g of any set satisfies
    :math:`|g'| \le \min(g, 1 - g) / b`, as the logarithm of the density has slopes of
    :math:`\pm 1 / b` in each coordinate. Solved from :math:`p_A` downward and from :math:`p_B`
    upward this is the radius; half-spaces along one axis attain both. It is never below
    :math:`\max\{\frac{b}{2} \log(p_A / p_B), -b \log(1 - p_A + p_B)\}` of [1]_.

    References
    ----------
    .. [1] J. Teng, G.-H. Lee and Y. Yuan (2020). "l1 Adversarial Robustness Certificates: a
       Randomized Smoothing Approach".

    Examples
    --------
    >>> from sksmooth.bounds import radius_laplace
    >>> radius_laplace([0.4, 0.8, 0.99]).round(4)
    array([0.    , 0.9163, 3.912 ])
    >>> radius_laplace([0.8], [0.05]).round(4)
    array([1.6094])
    """
    _check_scale(scale)
    u, q = tails_of(p_lower, p_upper, miss)
    # each quantile is moved outward first: their sum may cancel
    first, second = (z * (1 - np.copysign(_OUTWARD, z)) for z in (_quantile(u), _quantile(q)))
    with np.errstate(invalid="ignore"):  # infinite quantiles of opposite signs
        length = np.where(q < 1 - u, 0.5 * (first + second), 0.0)
    return np.maximum(0.0, scale * length * _MARGIN)


def radius_uniform(
    p_lower: ArrayLike,
    p_upper: ArrayLike | None = None,
    scale: float = 1.0,
    *,
    miss: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""L1 radius proved by smoothing with uniform noise, and with splitting noise.

    .. math:: R = \lambda (p_A - p_B)

    Parameters
    ----------
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class under noise.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``.
    scale : float, default=1.0
        Half the width of the noise, :math:`\lambda`, in the units of the inputs: it is uniform in
        :math:`[-\lambda, \lambda]`.
    miss : array-like of float in [0, 1], default=None
        Upper bound on the probability of all classes but the top one, in place of `p_lower`, which
        is then ignored.

    Returns
    -------
    radius : ndarray of float64
        In the units of `scale`, rounded down; 0 where the bounds prove nothing.

    Notes
    -----
    Two cubes a distance :math:`\delta` apart share a part :math:`\prod_i \max(0, 1 - |\delta_i| /
    2 \lambda) \ge 1 - \|\delta\|_1 / 2 \lambda` of their volume, with equality along an axis [1]_.

    References
    ----------
    .. [1] G. Yang, T. Duan, J. E. Hu, H. Salman, I. Razenshteyn and J. Li (2020). "Randomized
       Smoothing of All Shapes and Sizes". ICML. arXiv:2002.08118.

    Examples
    --------
    >>> from sksmooth.bounds import radius_uniform
    >>> radius_uniform([0.4, 0.8, 0.99]).round(4)
    array([0.  , 0.6 , 0.98])
    >>> radius_uniform([0.8], [0.05], scale=2.0).round(4)
    array([1.5])
    """
    _check_scale(scale)
    u, q = tails_of(p_lower, p_upper, miss)
    lead = 1.0 - (u + q) - 2.0**-52  # two operations on numbers below 2
    return np.maximum(0.0, scale * lead * _MARGIN)


def _quantile(tail: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where a Laplace variable exceeds with probability `tail`; with all digits."""
    with np.errstate(divide="ignore"):
        return np.where(tail <= 0.5, -np.log(2 * tail), np.log(2 * (1 - tail)))


def _check_scale(scale: float) -> None:
    if not 0 < scale < np.inf:
        raise ValueError(f"scale must be a positive, finite number; got {scale!r}.")
