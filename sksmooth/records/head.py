"""What every log says before its rows: settings, noise and versions, as JSON."""

import dataclasses
import json
import platform
from collections.abc import Container
from typing import Any

import numpy as np
import scipy
import sklearn

from .._version import __version__
from ..certificate import Run
from ..checks import check_alpha, check_draws, check_radii
from ..noise import KINDS, Noise

__all__ = ["noise_from_head", "noise_of_head", "run_of", "versions"]


def noise_of_head(noise: Noise) -> dict[str, Any]:
    """Return a noise in values that fit into JSON."""
    fields = [field.name for field in dataclasses.fields(noise)]  # type: ignore[arg-type]
    return {"kind": noise.kind} | {name: _plain(getattr(noise, name)) for name in fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Noise):  # mixed noise is made of others
        return noise_of_head(value)
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def noise_from_head(head: Any) -> Any:
    """Return the noise that `noise_of_head` has written."""
    if isinstance(head, list):
        return tuple(map(noise_from_head, head))
    if not isinstance(head, dict):
        return head
    given = {name: noise_from_head(value) for name, value in head.items() if name != "kind"}
    kind = head["kind"].replace("exact", "integer")  # which version 0.1 called exact
    return KINDS[kind](**given)


def versions() -> dict[str, str]:
    """Return the versions on which numbers may depend."""
    return {
        "sksmooth": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def run_of(head: dict[str, Any], given: dict[str, Any], bounds: Container[str]) -> Run:
    """Return the run that a head tells of, or raise an error if there cannot have been one.

    `given` are its settings but the noise, and `bounds` those that a run by sampling may have.
    """
    if given["method"] == "exact":
        if (given["bound"], given["n"], given["alpha"]) != ("exact", 0, 0):
            raise ValueError("what was computed has no draws and no alpha, and an exact bound")
    elif given["method"] != "montecarlo" or given["bound"] not in bounds:
        raise ValueError(f"method {given['method']!r} and bound {given['bound']!r} are unknown")
    else:
        check_draws("n", given["n"])
        check_alpha(given["alpha"])
    if not given["max_radius"] >= 0 or not isinstance(given["n0"], int):
        raise ValueError("max_radius must be 0 or more, and n0 a whole number")
    noise, asked = noise_from_head(head["noise"]), given["asked_radii"]
    sigma = json.loads(json.dumps(getattr(noise, "sigma", None)))  # tuples: lists
    if (head["sigma"], head["norm"]) != (sigma, str(noise.norm)):
        raise ValueError("sigma and norm are not those of the noise")
    radii = None if asked is None else check_radii(list(asked))
    return Run(**given | {"noise": noise, "asked_radii": radii})
