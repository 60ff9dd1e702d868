"""Pictures for the page, drawn as inline SVG: no library, and nothing that is loaded."""

import html
import math
from collections.abc import Sequence

__all__ = ["curve", "span"]

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 12, 12, 48


def curve(
    x: Sequence[float],
    y: Sequence[float],
    *,
    band: tuple[Sequence[float], Sequence[float]] | None = None,
    xlabel: str,
    ylabel: str,
    title: str,
) -> str:
    """Return a step function of x, which holds its value to the left of each x, as SVG.

    Parameters
    ----------
    x : sequence of float
        Ascending from 0.
    y : sequence of float
        In [0, 1].
    band : tuple of two sequences of float, default=None
        Lower and upper ends of a band around it.
    xlabel, ylabel, title : str
        Names of the axes, and of the picture for those who cannot see it.
    """
    top = max(x[-1], 1e-300)
    step = _step(top)

    def at(u: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * u / top

    def up(v: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - v)

    parts = []
    for i in range(6):
        height = f"{up(i / 5):.1f}"
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{height}" y2="{height}"/>'
        )
        parts.append(
            f'<text x="{_LEFT - 6}" y="{height}" dy="0.32em" text-anchor="end">{20 * i} %</text>'
        )
    for i in range(int(top / step * (1 + 1e-9)) + 1):
        place = f"{at(step * i):.1f}"
        parts.append(
            f'<line class="grid" x1="{place}" x2="{place}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        )
        parts.append(
            f'<text x="{place}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">'
            f"{step * i:g}</text>"
        )
    if band is not None:
        forth = _steps([at(u) for u in x], [up(v) for v in band[1]])
        back = _steps([at(u) for u in x], [up(v) for v in band[0]])[::-1]
        parts.append(f'<path class="band" d="{_path([*forth, *back])}Z"/>')
    parts.append(
        f'<path class="line" d="{_path(_steps([at(u) for u in x], [up(v) for v in y]))}"/>'
    )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(xlabel)}</text>'
    )
    parts.append(
        f'<text transform="translate(16 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{html.escape(ylabel)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)}">'
        f"<title>{html.escape(title)}</title>{''.join(parts)}</svg>"
    )


def span(share: float) -> str:
    """Return a bar of a share of its length, as SVG."""
    return (
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="grid" width="100" height="10"/>'
        f'<rect class="fill" width="{100 * share:.2f}" height="10"/></svg>'
    )


def _steps(x: Sequence[float], y: Sequence[float]) -> list[tuple[float, float]]:
    """Return the corners of a step function: y[i] holds from x[i - 1] to x[i]."""
    corners = [(x[0], y[0])]
    for u, v in zip(x[1:], y[1:], strict=True):
        corners += [(corners[-1][0], v), (u, v)]
    return corners


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{u:.1f} {v:.1f}" for u, v in corners)


def _step(top: float) -> float:
    power = 10.0 ** math.floor(math.log10(top / 5))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= top / 6)
