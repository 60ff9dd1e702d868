"""Where to draw. matplotlib is imported here, when something is drawn, and nowhere else."""

from typing import Any

__all__ = ["new_axes"]


def new_axes(ax: Any) -> Any:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'sksmooth[plot]'.") from error
    return plt.subplots()[1]
