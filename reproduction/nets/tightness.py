"""How tight radii are: attacks on the smoothed LeNet within and beyond them."""

import dataclasses
import pathlib
import time

import numpy as np

from benchmarks.page import Page, table, verdict
from sksmooth.attacks import tightness_curve

from .data import mnist
from .lenet import device, fitted
from .recipes import GAUSSIAN

__all__ = ["run"]

_SIGMA = 0.5
_FACTORS = (1.0, 1.1, 1.25, 1.5, 2.0)
_THEIRS = {1.5: 0.17, 2.0: 0.53}
_TEXT = """\
The LeNet of the experiment `mnist` at sigma = {sigma}; {rows} test images at equal distances,
{certified} of them certified, with n = {n:,}. `sksmooth.attacks.tightness_curve`: in balls of
multiples of the certified radius R, runs of {steps} steps of projected gradient ascent on the mean
over {draws} fresh draws ({restarts} for each image). An attack succeeds if `predict`, with
{decides:,} draws of its own and alpha = 0.001, gives another label. For ImageNet
and ResNet-50 at sigma 0.25, Cohen et al. (2019) found 17 % at 1.5 R and 53 % at 2 R."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train, if need be, certify and attack."""
    data = mnist(quick, every=100)
    recipe = dataclasses.replace(GAUSSIAN, epochs=2) if quick else GAUSSIAN
    clf, _ = fitted(f"lenet_gaussian_{_SIGMA:.2f}", recipe, _SIGMA, data, folder)
    n, restarts = (500, 1) if quick else (10_000, 2)
    certificate = clf.certify(data.X_test, n=n)
    options = {"steps": 20, "n_draws": 32, "restarts": restarts, "n": 1000}
    if quick:
        options |= {"steps": 5, "n_draws": 16, "n": 200}
    start = time.perf_counter()
    result = tightness_curve(clf, data.X_test, certificate, _FACTORS, random_state=0, **options)
    seconds = time.perf_counter() - start
    ratio = result.distance / np.where(result.certified, certificate.radii, np.nan)
    fallen = ratio[np.isfinite(ratio)]
    rows = [
        [f"{factor:g} R", f"{share:.1%}", f"{_THEIRS[factor]:.0%}" if factor in _THEIRS else ""]
        for factor, share in zip(result.factors, result.shares, strict=True)
    ]
    blocks = [
        _TEXT.format(
            sigma=_SIGMA,
            rows=len(data.index),
            certified=int(result.certified.sum()),
            n=n,
            steps=options["steps"],
            draws=options["n_draws"],
            restarts=restarts,
            decides=options["n"],
        ),
        table(["within", "success", "ImageNet, theirs"], rows),
        f"Asked: no success within R: {verdict(result.shares[0] == 0)}. The attacks took "
        f"{seconds:.0f} s on {device()}.",
    ]
    figures = {
        "factors": result.factors.tolist(),
        "shares": result.shares.tolist(),
        "distance over radius": fallen.tolist(),
        "seconds": seconds,
    }
    return Page("Nets: how tight radii are", blocks, figures, libraries=("torch", "skorch"))
