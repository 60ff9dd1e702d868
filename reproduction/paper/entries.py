"""What there is to make, what each needs and how long it takes; it imports nothing heavy."""

import dataclasses

__all__ = ["ELSEWHERE", "ENTRIES", "Entry", "listing"]

_LOGS = "SKSMOOTH_DATA or --logs: logs of the authors"
_MNIST = "SKSMOOTH_DATA: MNIST; without it, digits of scikit-learn. torch"

_NOTE = """\
What is trained here is trained on MNIST, in the place of ImageNet. --data cifar10 trains ResNet-20
instead, which needs a CUDA device, or certifies checkpoints of the authors (--nets FOLDER); --data
imagenet needs --folder and --nets, and in practice a CUDA device. Nets are shared by the entries of
one run, so the first to need them takes longest; certificates are kept beside the results, and
those of ResNets are taken from there."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A table, a figure or an experiment.

    Parameters
    ----------
    module, function : str
        Where it is made: ``function(options) -> Result`` in a module of this folder.
    shows : str
        In one line.
    needs : str
        Data or devices; "nothing" if the installed package is enough.
    takes : str
        On one core of 2020, from nothing.
    """

    module: str
    function: str
    shows: str
    needs: str
    takes: str


ENTRIES = {
    "table1": Entry("trained", "table1", "best sigma for each radius", _MNIST, "80 s"),
    "table2": Entry(
        "trained", "table2", "certified accuracy by sigma", _MNIST, "80 s; 1 s after table1"
    ),
    "table3": Entry("logs_tables", "table3", "certified accuracy on CIFAR-10", _LOGS, "2 s"),
    "table4": Entry(
        "logs_tables",
        "table4",
        "outcomes of PREDICT by n",
        "SKSMOOTH_DATA: predictions of the authors",
        "10 s",
    ),
    "figure1": Entry("plane", "figure1", "the smoothed classifier at a point", "nothing", "5 s"),
    "figure2": Entry(
        "images", "figure2", "an image and noisy copies", _MNIST, "10 s; 1 s after table1"
    ),
    "figure3": Entry("half_spaces", "figure3", "the worst classifier", "nothing", "2 s"),
    "figure4": Entry("images", "figure4", "two resolutions, one sigma", _MNIST, "2 s"),
    "figure5": Entry(
        "bounds", "figure5", "radius by probability, and by number of draws", "nothing", "2 s"
    ),
    "figure6": Entry(
        "trained", "figure6", "certified accuracy by radius", f"{_LOGS}; {_MNIST}", "90 s"
    ),
    "figure8": Entry("logs_figures", "figure8", "other bounds, n and alpha", _LOGS, "5 s"),
    "figure9": Entry("half_spaces", "figure9", "the proof of Theorem 1", "nothing", "2 s"),
    "figure10": Entry("half_spaces", "figure10", "a linear classifier, smoothed", "nothing", "2 s"),
    "figure11": Entry("half_spaces", "figure11", "its radius is tight", "nothing", "2 s"),
    "figure12": Entry("images", "figure12", "two resolutions, clean and noisy", _MNIST, "2 s"),
    "figure14": Entry(
        "logs_figures", "figure14", "certified accuracy with high probability", _LOGS, "3 s"
    ),
    "figure15": Entry(
        "trained", "figure15", "training noise and test noise", f"{_LOGS}; {_MNIST}", "60 s"
    ),
    "figure16": Entry("bounds", "figure16", "bounds of prior work, tuned", "nothing", "3 s"),
    "figure17": Entry(
        "images", "figure17", "noisy images of CIFAR-10", "SKSMOOTH_DATA: CIFAR-10 (JPEG)", "2 s"
    ),
    "figure18": Entry(
        "images", "figure18", "noisy images of ImageNet", "--data imagenet --folder FOLDER", "5 s"
    ),
    "proposition7": Entry(
        "resolution", "proposition7", "twice the resolution, twice the radius", _MNIST, "40 s"
    ),
    "tightness": Entry(
        "tight", "tightness", "attacks beyond the radii (Sections 4 and J.3)", _MNIST, "100 s"
    ),
}

# figures that another command draws, since they need other certifiers
ELSEWHERE = {
    "figure7": "smoothing and Wong et al. (2018): python -m reproduction.baselines",
    "figure13": "smoothing, Tsuzuku et al., Zhang et al. (2018): python -m reproduction.baselines",
}


def listing() -> str:
    """Return a table of all entries."""
    head = ("name", "shows", "needs", "takes")
    lines = [(name, e.shows, e.needs, e.takes) for name, e in ENTRIES.items()]
    lines += [(name, text, "see there", "") for name, text in ELSEWHERE.items()]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    rows = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in [head, *lines]]
    return "\n".join([*(row.rstrip() for row in rows), "", _NOTE])
