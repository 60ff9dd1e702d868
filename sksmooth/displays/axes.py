"""Where to draw. matplotlib is imported here, when something is drawn, and nowhere else."""

from typing import Any

from ..certificate import Certificate, PredictionBounds

__all__ = ["name_of", "new_axes"]


def name_of(certificate: Certificate | PredictionBounds) -> str:
    """Return the name of a curve that was not given one: its sigma."""
    return certificate.noise.label.replace("sigma=", r"$\sigma$ = ").replace("sigma ", r"$\sigma$ ")


def new_axes(ax: Any) -> Any:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'sksmooth[plot]'.") from error
    return plt.subplots()[1]
