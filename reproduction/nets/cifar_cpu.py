"""CIFAR-10 on one thread of a processor: ResNet-20, trained and certified beside Table 3.

It takes about a day. Training is kept after each epoch and certification after each chunk of
images, and both go on from there with the same random numbers: a run that was stopped, at any time,
ends in the same logs. A net whose logs are complete is not trained again.
"""

import contextlib
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, average_certified_radius_score, certified_accuracy_score
from sksmooth.bounds import clopper_pearson
from sksmooth.certificate import Certificate
from sksmooth.metrics import paired_comparison
from sksmooth.nets import frozen_net
from sksmooth.objectives import Consistency, GaussianAugmentation

from .cifar_training import Recipe, note_of, train
from .data import Cifar, cifar10
from .logs import begun

__all__ = ["run"]

_RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
# Cohen et al. (2019), Table 3: ResNet-110, 90 epochs, whole test set, n = 100,000
_PAPER = {
    0.12: (0.83, 0.60),
    0.25: (0.77, 0.61, 0.42, 0.25),
    0.5: (0.66, 0.55, 0.43, 0.32, 0.22, 0.14, 0.08),
    1.0: (0.47, 0.41, 0.34, 0.28, 0.22, 0.17, 0.14),
}
# Average certified radii of whole test sets, n = 100,000. ResNet-20: logs of Jeong and Shin (2020).
# ResNet-110 trained by others since: logs beside Sun et al. (2025). None for Consistency at 0.25.
_RESNET20 = {("gaussian", 0.5): 0.524, ("consistency", 0.5): 0.686}
_RESNET110 = {("gaussian", 0.25): 0.487, ("gaussian", 0.5): 0.571, ("gaussian", 1.0): 0.543}
_SHARES = (90, 75, 50, 25, 10)  # of the images, in percent
_TEXT = """\
ResNet-20 on CIFAR-10 (JPEG), {images:,} training images with crops and reflections and noise before
the normalising layer: SGD with Nesterov momentum 0.9 and weight decay 1e-4, batches of 128, one
cycle up to a rate of 0.2 in {epochs} epochs (rows of longer trainings say so), autocast to
bfloat16, one thread. Certified with `shortcuts` channels_last and bfloat16, some also with fold, as
the heads of their logs say: {tested} test images at equal distances, alpha = 0.001. The paper:
ResNet-110, 90 epochs, whole test set of the original images. The standard error of an accuracy on
{tested} images is up to {error:.3f}.

## Certified accuracy

Decided at the radii of the paper with at most {n:,} draws an image (`radius=[...]`)."""
_DIFFERENCE = """\
Over the {cells} cells, ours less the paper's is {mean:+.3f} on average, and {worst:+.3f} where it
is lowest."""
_PROBABILITY_TEXT = """\
## Probability of the right class under noise

The lower bound on that probability, from {few:,} draws, that the share of images in a column's head
reaches; 0 for images with another label or none (`TopProbabilityDisplay`)."""
_RADIUS_TEXT = """\
## Average certified radius

From the same {few:,} draws, with which no radius is above {most:.2f} sigma: radii from more draws
are larger. The second column estimates the average from {n:,} draws, with the same shares of votes.
Published, from 100,000 draws and whole test sets: ResNet-20 of 150 epochs (Jeong and Shin 2020),
and ResNet-110 as it is trained today (Sun et al. 2025). Weights are not kept here; the SHA-256 of
their values is in the JSON file beside this page."""


# in the order in which they are done
_RECIPES = (
    Recipe("gaussian", GaussianAugmentation(), 0.5),
    Recipe("gaussian", GaussianAugmentation(), 0.25),
    Recipe("gaussian", GaussianAugmentation(), 0.12),
    Recipe("gaussian", GaussianAugmentation(), 1.0),
    Recipe("consistency", Consistency(lam=10.0), 0.5),
    Recipe("consistency", Consistency(lam=20.0), 0.25),
)
# only its average radius is asked for
_LONGER = (Recipe("gaussian", GaussianAugmentation(), 0.5, epochs=45),)


def _certified(
    recipe: Recipe,
    module: torch.nn.Module,
    data: Cifar,
    log: pathlib.Path,
    n: int,
    radius: list[float] | None = None,
) -> None:
    """Decide some radii, or measure the largest; the log goes on where it was stopped."""
    # the net that is certified is this form of it
    forms = ["fold", "channels_last", "bfloat16"]
    clf = SmoothedClassifier(frozen_net(module), recipe.sigma, shortcuts=forms, random_state=0)
    clf.fit(data.X_test, data.y_test).certify(data.X_test, n=n, radius=radius, log=log)
    print(f"{log.stem}: done", flush=True)


def _logs(recipe: Recipe, folder: pathlib.Path, ns: tuple[int, int]) -> list[pathlib.Path]:
    n, few = ns
    return [folder / f"{recipe.label}_{name}.tsv" for name in (f"decided_n{n}", f"n{few}")]


def _reachable(sigma: float) -> tuple[float, ...]:
    """Return the paper's radii for this sigma."""
    return _RADII[: len(_PAPER[sigma])]


def _finished(log: pathlib.Path, rows: int) -> Certificate | None:
    """Return the certificates of a log that has them all."""
    record = begun(log)
    return record.certificate if record is not None and len(record) == rows else None


def _figures(
    recipe: Recipe, data: Cifar, folder: pathlib.Path, ns: tuple[int, int]
) -> dict[str, Any]:
    """Return all that is known of a net, or nothing where neither of its logs is complete."""
    y, rows = data.y_test, len(data.index)
    decided, measured = (_finished(log, rows) for log in _logs(recipe, folder, ns))
    if decided is None and measured is None:
        return {}
    noted = json.loads(note_of(recipe, folder).read_text())
    found = {"training seconds": noted["seconds"], "weights": noted["weights"]}
    if decided is not None:
        assert decided.counts is not None
        found |= {
            "certified accuracy": [
                float(certified_accuracy_score(y, decided, radius=r))
                for r in _reachable(recipe.sigma)
            ],
            "draws": float(decided.counts.sum(axis=1).mean()),
        }
    if measured is not None:
        right = (measured.labels == y) & ~measured.abstained
        each = np.where(right, measured.radii, 0.0)
        bounds = np.where(right, measured.p_lower, 0.0)
        found |= {
            "probability": [float(np.quantile(bounds, 1 - s / 100)) for s in _SHARES],
            "largest radius": measured.max_radius,
            "average radius": average_certified_radius_score(y, measured),
            "standard error": float(each.std(ddof=1) / np.sqrt(rows)),
            "from more draws": float(np.where(right, _from_more(measured, ns[0]), 0.0).mean()),
        }
    return found


def _from_more(measured: Certificate, n: int) -> NDArray[np.float64]:
    """Return the radii that n draws would give, were the shares of the votes as they were."""
    counts = measured.counts
    assert counts is not None
    # of m unanimous votes not quite all
    shares = counts.max(axis=1) / (counts.sum(axis=1) + 1)
    votes = np.floor(shares * n).astype(np.int64)
    return measured.noise.radius(clopper_pearson(votes, n, measured.alpha))


def _accuracy(recipes: list[Recipe], figures: dict[str, Any]) -> list[str]:
    """Return a table of our accuracies beside the paper's, and a sentence on their differences."""
    lines, differences = [], []
    for recipe in recipes:
        found, paper = figures[recipe.label], _PAPER[recipe.sigma]
        ours = found["certified accuracy"]
        blank = [""] * (len(_RADII) - len(ours))
        hours = f"{found['training seconds'] / 3600:.1f}"
        lines.append(
            [recipe.title, *(f"{a:.3f}" for a in ours), *blank, f"{found['draws']:,.0f}", hours]
        )
        if recipe.name == "gaussian":
            lines.append(["Table 3", *(f"{a:.2f}" for a in paper), *blank, "100,000", ""])
            differences += [a - b for a, b in zip(ours, paper, strict=True)]
    head = ["", *(f"at {r:g}" for r in _RADII), "mean draws", "hours of training"]
    sentence = _DIFFERENCE.format(
        cells=len(differences), mean=np.mean(differences), worst=min(differences)
    )
    return [table(head, lines), sentence]


def _comparisons(
    recipes: list[Recipe], data: Cifar, folder: pathlib.Path, ns: tuple[int, int]
) -> list[str]:
    """Return Consistency less Gaussian on the same images, where both are there."""
    blocks = []
    for recipe in recipes:
        base = dataclasses.replace(recipe, name="gaussian")
        if recipe.name == "gaussian" or base.label not in {r.label for r in recipes}:
            continue
        pairs: Any = [
            (data.y_test, _finished(_logs(r, folder, ns)[0], len(data.index)))
            for r in (base, recipe)
        ]
        found = paired_comparison(*pairs, radius=_reachable(recipe.sigma), random_state=0)
        about = f"Gaussian (first) and {recipe.name} (second) on the same images, sigma"
        blocks.append(f"{about} {recipe.sigma:g} (`paired_comparison`):\n\n```\n{found}\n```")
    return blocks


def _measured(recipes: list[Recipe], figures: dict[str, Any], ns: tuple[int, int]) -> list[str]:
    """Return tables of probabilities and of average radii."""
    n, few = ns
    recipes = [r for r in recipes if "average radius" in figures[r.label]]
    if not recipes:
        return []
    probabilities, radii = [], []
    for recipe in recipes:
        found, key = figures[recipe.label], (recipe.name, recipe.sigma)
        probabilities.append([recipe.title, *(f"{p:.3f}" for p in found["probability"])])
        ours = f"{found['average radius']:.3f} ± {found['standard error']:.3f}"
        theirs = [f"{t[key]:.3f}" if key in t else "" for t in (_RESNET20, _RESNET110)]
        radii.append([recipe.title, ours, f"{found['from more draws']:.3f}", *theirs])
    most = max(figures[r.label]["largest radius"] / r.sigma for r in recipes)
    return [
        _PROBABILITY_TEXT.format(few=few),
        table(["", *(f"{share} % of the images" for share in _SHARES)], probabilities),
        _RADIUS_TEXT.format(few=few, n=n, most=most),
        table(["", "ours", f"estimated at {n:,}", "ResNet-20", "ResNet-110"], radii),
    ]


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify all of them, or as many as are done when Ctrl-C is pressed."""
    torch.set_num_threads(1)
    n_train, n_test, ns = (512, 4, (1000, 200)) if quick else (None, 500, (100_000, 10_000))
    recipes, longer = _RECIPES, _LONGER
    if quick:
        recipes, longer = tuple(dataclasses.replace(r, epochs=2) for r in recipes), ()
    data = cifar10(n_train, n_test)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        # few draws last, as no table of accuracies waits for them
        for which, wanted in enumerate((recipes, recipes + longer)):
            for recipe in wanted:
                log = _logs(recipe, folder, ns)[which]
                if _finished(log, len(data.index)) is None:
                    radius = None if which else list(_reachable(recipe.sigma))
                    module = train(recipe, data, folder)
                    _certified(recipe, module, data, log, ns[which], radius)
    everything = sorted(recipes + longer, key=lambda recipe: recipe.sigma)
    figures = {r.label: found for r in everything if (found := _figures(r, data, folder, ns))}
    done = [r for r in everything if r.label in figures]
    decided = [r for r in done if "certified accuracy" in figures[r.label]]
    if not decided:
        raise KeyboardInterrupt
    text = _TEXT.format(
        images=len(data.y_train),
        epochs=recipes[0].epochs,
        tested=n_test,
        n=ns[0],
        error=0.5 / n_test**0.5,
    )
    blocks = [
        text,
        *_accuracy(decided, figures),
        *_comparisons(decided, data, folder, ns),
        *_measured(done, figures, ns),
    ]
    return Page("Nets: CIFAR-10 (JPEG) on one thread", blocks, figures, ("torch",))
