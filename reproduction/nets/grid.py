"""Every objective at every sigma by its authors' schedule of 90 epochs: for a CUDA device."""

import pathlib

from benchmarks.page import Page

from .data import MissingDataError, mnist
from .lenet import certified, device
from .recipes import PUBLISHED, authors
from .tables import figures, results_table

__all__ = ["run"]

_RADII = {0.25: (0.0, 0.25, 0.5, 0.75), 0.5: (0.0, 0.5, 1.0, 1.5), 1.0: (0.0, 1.0, 2.0, 2.5)}
_TEXT = """\
LeNet on all training images of MNIST by each objective with its authors' parameters and schedule:
SGD with momentum 0.9 and weight decay 1e-4, rate 0.01 and a tenth of it after each 30 of 90 epochs,
256 / m images a batch for m draws each. Certified: every 20th test image ({tested}), n = {n:,}.
Published: whole test set, n = 100,000, mean of five or six trainings."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify eighteen nets."""
    if device() != "cuda" or quick:
        raise MissingDataError("needs a CUDA device and hours, and has no quick form")
    data, n = mnist(False), 100_000
    blocks, everything = [_TEXT.format(tested=len(data.index), n=n)], {}
    for sigma, radii in _RADII.items():
        found = {
            name: figures(
                certified(f"long_{name}_{sigma:.2f}", recipe, sigma, n, data, folder), radii
            )
            for name, recipe in authors(sigma).items()
        }
        published = {name: PUBLISHED[name][sigma] for name in found}
        blocks += [f"## sigma = {sigma:g}", results_table(found, published, radii)]
        everything[f"{sigma:g}"] = found
    return Page("Nets: every objective and sigma", blocks, everything, ("torch", "skorch"))
