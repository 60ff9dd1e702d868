"""Where to draw. matplotlib is imported here, when something is drawn, and nowhere else."""

import weakref
from typing import Any

from ..certificate.concat import refuse_other_norms
from ..certificate.result import Result
from ..noise import L0, L1, L2, Linf, Norm

__all__ = ["draw_steps", "label_of", "name_of", "new_axes", "of_one_norm"]

_LABELS = {str(norm): norm.label for norm in (L0(), L1(), L2(), Linf())}
_NORMS: "weakref.WeakKeyDictionary[Any, Norm]" = weakref.WeakKeyDictionary()


def label_of(norm: str) -> str:
    """Return the label of an axis of radii."""
    return _LABELS.get(norm, f"Radius, {norm.removesuffix(', and changes')}")


def name_of(certificate: Result) -> str:
    """Return the name of a curve that was not given one: its sigma."""
    return certificate.noise.label.replace("sigma=", r"$\sigma$ = ").replace("sigma ", r"$\sigma$ ")


def of_one_norm(ax: Any, norm: Norm | None) -> None:
    """Refuse axes with radii in another norm, or in other units; None is not known."""
    if norm is not None:
        refuse_other_norms([_NORMS.setdefault(ax, norm), norm], "drawn on one axis")


def draw_steps(ax: Any, x: Any, y: Any, names: Any, options: Any) -> Any:
    """Draw step functions that hold their value to the left, with a legend if they have names.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    x, y : ndarray, or list of such
        Corners of one function, or of several.
    names : str or sequence of str or None
        For all of them, or for each.
    options : dict or list of dict or None
        Passed to ``ax.plot``, for all of them or for each.

    Returns
    -------
    lines : matplotlib Artist or list of Artist
        One, or a list if x is one.
    """
    several = isinstance(x, list)
    x, y = (x, y) if several else ([x], [y])
    names = [names] * len(x) if names is None or isinstance(names, str) else list(names)
    options = options if isinstance(options, list) else [options] * len(x)
    lines = []
    for x_i, y_i, name, given in zip(x, y, names, options, strict=True):
        lines += ax.plot(x_i, y_i, **{"label": name, "drawstyle": "steps-pre", **(given or {})})
    if any(names):
        ax.legend()
    return lines if several else lines[0]


def new_axes(ax: Any) -> Any:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'sksmooth[plot]'.") from error
    return plt.subplots()[1]
