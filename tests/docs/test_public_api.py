"""Every public name is documented, with parameters, and shows an example that runs."""

import importlib
import importlib.util
import inspect
import pathlib
import pkgutil

import pytest

import sksmooth

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def public_objects():
    yield from ((f"sksmooth.{name}", getattr(sksmooth, name)) for name in sksmooth.__all__)
    modules = [
        "attacks",
        "bounds",
        "certificate",
        "noise",
        "metrics",
        "records",
        "rows",
        "tables",
    ]
    if importlib.util.find_spec("skorch"):
        modules += ["nets", "objectives"]
    for module in modules:
        source = importlib.import_module(f"sksmooth.{module}")
        yield from ((f"sksmooth.{module}.{name}", getattr(source, name)) for name in source.__all__)


# modules, tables of names and aliases of types have no docstring of their own
OBJECTS = {n: o for n, o in public_objects() if inspect.isclass(o) or inspect.isroutine(o)}


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_with_an_example(name):
    doc = inspect.getdoc(OBJECTS[name]) or ""
    assert len(doc.splitlines()[0]) > 20
    if inspect.isabstract(OBJECTS[name]) or getattr(OBJECTS[name], "_is_protocol", False):
        return
    assert ">>> " in doc, "no example; doctests run those that are there"
    takes = inspect.signature(OBJECTS[name]).parameters
    assert "Parameters\n------" in doc or "Attributes\n------" in doc or not takes
    if inspect.isfunction(OBJECTS[name]):
        assert "Returns\n------" in doc
        for parameter in inspect.signature(OBJECTS[name]).parameters:
            assert parameter in doc


@pytest.mark.parametrize("name", OBJECTS)
def test_public_methods_are_documented(name):
    if not inspect.isclass(OBJECTS[name]):
        return
    for method, function in inspect.getmembers(OBJECTS[name], inspect.isfunction):
        # forward is torch's name for what a module's class docstring tells of
        if method.startswith("_") or method == "forward":
            continue
        if not function.__module__.startswith("sksmooth"):
            continue
        doc = inspect.getdoc(function) or ""
        assert doc, method
        for parameter in list(inspect.signature(function).parameters)[1:]:
            assert parameter in doc or function.__module__.startswith(
                ("sksmooth.noise", "sksmooth.objectives")
            ), (
                method,
                parameter,
            )


def test_constructor_parameters_are_documented():
    doc = inspect.getdoc(sksmooth.SmoothedClassifier)
    for parameter in inspect.signature(sksmooth.SmoothedClassifier).parameters:
        assert f"\n{parameter} : " in doc


def test_the_signature_that_users_rely_on():
    signature = str(inspect.signature(sksmooth.SmoothedClassifier)).removesuffix(" -> None")
    assert signature.replace("'", "") == (
        "(estimator: Any, sigma: Any = 0.25, *, units: Any = None, method: str = auto, "
        "n_augment: int = 1, n: int = 100000, n0: int = 100, n_predict: int = 1000, "
        "sequential_predict: bool = False, "
        "alpha: float = 0.001, abstain_label: Any = auto, noise: Any = gaussian, "
        "arithmetic: str = integer, stream: str = philox, shortcuts: Any = auto, "
        "batch_size: int | None = None, n_jobs: int | None = None, random_state: Any = None)"
    )


def test_every_public_name_is_in_the_reference():
    reference = "\n".join(p.read_text() for p in (DOCS / "api").glob("*.rst"))
    for name in sksmooth.__all__:
        assert name in reference, name


MODULES = [info.name for info in pkgutil.walk_packages(sksmooth.__path__, "sksmooth.")]
# What a module needs beyond the package's own dependencies.
EXTRAS = {
    "sksmooth.attacks.skorch_gradient": "skorch",
    "sksmooth.backends.skorch": "skorch",
    "sksmooth.backends.cuda.kernels": "triton",
    "sksmooth.nets": "skorch",
    "sksmooth.noise.compiled": "numba",
    "sksmooth.objectives": "skorch",
}


@pytest.mark.parametrize("name", MODULES)
def test_all_is_what_is_there(name):
    for start, extra in EXTRAS.items():
        if name.startswith(start):
            pytest.importorskip(extra)
    module = importlib.import_module(name)
    for public in module.__all__:
        assert hasattr(module, public), public
