"""Pictures of the measured results, drawn from their JSON when the site is built."""

import json
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results"
FIGURES = DOCS / "_figures"  # made by the build, not kept


def load(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def draw(app):
    FIGURES.mkdir(exist_ok=True)
    for name, plot in {"speed": speed, "computed": computed, "boosters": boosters}.items():
        figure, ax = plt.subplots(layout="constrained")
        plot(ax)
        ax.spines[["top", "right"]].set_visible(False)
        figure.savefig(FIGURES / f"{name}.svg")
        plt.close(figure)


def bars(ax, names, values):
    """Groups of horizontal bars; the first group is on top."""
    ax.figure.set_size_inches(6.4, 1 + 0.56 * len(names))
    height = 0.8 / len(values)
    for i, (label, lengths) in enumerate(values.items()):
        places = [-(j + i * height) for j in range(len(names))]
        ax.barh(places, lengths, height, label=label)
    places = [-(j + 0.4 - height / 2) for j in range(len(names))]
    ax.set_yticks(places, [textwrap.fill(name, 22) for name in names])  # for narrow screens
    ax.figure.legend(loc="outside upper center", ncols=len(values), frameon=False)


def speed(ax):
    cases = load("speed")["cases"]
    parts = {"certify": ["certify"], "the paper's loop": ["loop 400", "loop 1000"], "ART": ["art"]}
    values = {
        label: [max(case["fractions_cpu"].get(key, 0) for key in keys) for case in cases]
        for label, keys in parts.items()
    }
    bars(ax, [case["title"] for case in cases], values)
    ax.axvline(1, color="grey", linewidth=0.8)
    ax.set_xlabel("speed, in parts of the base's own")


def computed(ax):
    cases = load("exact_speed")["cases"]
    names = [f"{case['base']}, {case['data']}" for case in cases]
    values = {
        "computed": [case["exact_us"] for case in cases],
        "sampled, n = 100,000": [case["sampled_us"] for case in cases],
    }
    bars(ax, names, values)
    ax.set_xscale("log")
    ax.set_xlabel("microseconds a row")


def boosters(ax):
    cases = [pair for group in load("boosters")["cases"] for pair in group]
    cases = [case for case in cases if case["loops"] == "numba"]
    values = {
        "certify": [case["certify_us"] for case in cases],
        "the base's predict alone": [case["base_us"] for case in cases],
    }
    bars(ax, [case["base"] for case in cases], values)
    ax.set_xlabel("microseconds a draw")


def setup(app):
    app.connect("builder-inited", draw, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
