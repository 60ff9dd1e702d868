"""How tight radii are: attacks on smoothed nets within and beyond them (Sections 4 and J.3)."""

from typing import Any

import numpy as np

from benchmarks.page import table
from sksmooth.attacks import tightness_curve

from . import nets
from .output import Options, Result, new_figure
from .printed import ATTACK

__all__ = ["tightness"]

_FACTORS = (1.0, 1.5, 2.0, 3.0)
_ALPHA = 0.01  # as in the paper's experiment


def tightness(options: Options) -> Result:
    """Attack images that are right and certified, at multiples of their radii."""
    data, amount = nets.test_images(options), nets.settings(options)
    some = slice(0, None, 2)
    X, y = data.X_test[some], data.y_test[some]
    steps, draws, decides = (5, 16, 200) if options.quick else (20, 32, 1000)
    rows, shares, numbers = [], {}, {}
    for sigma in amount.sigmas:
        clf = nets.smoothed(options, sigma)
        clf.set_params(n_predict=decides)
        certificate = clf.certify(X, n=amount.n, alpha=_ALPHA)
        right = np.flatnonzero((certificate.labels == y) & ~certificate.abstained)
        result = tightness_curve(
            clf,
            X[right],
            certificate[right],
            _FACTORS,
            steps=steps,
            n_draws=draws,
            step_size=0.1,
            loss="cross-entropy",
            random_state=0,
        )
        most = float(np.mean(certificate.radii[right] >= certificate.max_radius * (1 - 1e-9)))
        shares[sigma] = result.shares.tolist()
        rows.append([f"{sigma:g}", len(right), f"{most:.0%}", *(f"{s:.1%}" for s in result.shares)])
        numbers[f"{sigma:g}"] = {"attacked": len(right), "at the largest radius": most}
        numbers[f"{sigma:g}"]["shares"] = shares[sigma]
    printed: list[Any] = ["ImageNet, 0.25, the paper", "", "", ""]
    printed += [f"{ATTACK[f]:.0%}" if f in ATTACK else "" for f in _FACTORS[1:]]
    figure, (ax,) = new_figure()
    for sigma, found in shares.items():
        ax.plot(_FACTORS, found, "o-", linewidth=1, label=f"sigma {sigma:g}")
    ax.plot(list(ATTACK), list(ATTACK.values()), "kx", label="ImageNet, 0.25, the paper")
    ax.set(xlabel="multiple of the radius", ylabel="other answer found", ylim=(-0.02, 1))
    ax.legend(fontsize="x-small")
    within = max(found[0] for found in shares.values())
    blocks = [
        f"{nets.describe(options)} For this experiment alpha is 0.01, as in the paper, and every "
        "second of the images is taken.",
        f"`sksmooth.attacks.tightness_curve`, {steps} steps of length 0.1 along the normalised "
        f"gradient of cross-entropy over {draws} fresh draws, as in J.3 but for the draws (the "
        f"paper: 1000). An attack succeeds if `predict` with {decides:,} draws gives another "
        "label.",
        table(
            ["sigma", "attacked", "at the largest radius", *(f"{f:g} R" for f in _FACTORS)],
            [*rows, printed],
        ),
        f"Within R another answer was found for {within:.1%} of the images. Each certificate is "
        f"false with probability {_ALPHA:g} at most, and each answer of `predict` with 0.001.",
        "Where R is the largest radius that n draws can prove (third column), it is what the draws "
        "allow, and the image may stand much further. So shares depend on n and the data as much "
        "as on the theorem, and the paper's, of ImageNet, cannot be compared with these.",
        f"A run of the attack moves an image by {0.1 * steps:g} at most, steps times their length, "
        "as in the paper: where a multiple of R is longer, as often at sigma 0.5 and 1, the share "
        "is too low.",
    ]
    close = f"within R {within:.0%}; at 2 R " + ", ".join(
        f"{found[2]:.0%} (sigma {s:g})" for s, found in shares.items()
    )
    close += f"; the paper, ImageNet: {ATTACK[2.0]:.0%}"
    title = "Tightness: attacks beyond the radii"
    return Result(title, blocks, numbers, close, figure, ("torch", "skorch", "matplotlib"))
