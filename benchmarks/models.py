"""Kinds of models, and what happens with each: ``python -m benchmarks.models``.

Each model has random weights and is certified at a few small images, with noise so narrow that the
certified label must be the model's own. A library that is not installed makes a line "not run".
"""

import dataclasses
import io
import pathlib
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import skorch
import torch
from torch import nn

import sksmooth
from sksmooth import SmoothedClassifier
from sksmooth.nets import frozen_net

from .environment import restart_steady
from .page import Page, table

_RESULTS = pathlib.Path(__file__).parent / "results"
_SHAPE, _CLASSES, _SIGMA = (3, 32, 32), 10, 1e-4
_IMAGES = np.random.default_rng(0).integers(0, 256, (6, *_SHAPE)).astype(np.float32) / 255
_Labels = Callable[[Any], Any]


@dataclasses.dataclass
class Case:
    """A base, and what it should answer.

    Parameters
    ----------
    base : object
        What is handed to `SmoothedClassifier`.
    answer : callable
        Scores of a batch, asked without this library.
    X : object
        Rows.
    """

    base: Any
    answer: _Labels
    X: Any = dataclasses.field(default_factory=lambda: _IMAGES)


class Small(nn.Module):
    """A small convolutional net."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(1800, 10)
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        return self.layers(X)


def _small() -> nn.Module:
    return Small().eval()


def _of(module: nn.Module, pick: Callable[[Any], Any] = lambda out: out, **options: Any) -> Case:
    """Return the case of a module; `pick` finds its scores."""

    def answer(X: Any) -> Any:
        with torch.no_grad():
            scores = pick(module(torch.as_tensor(X))).float()
            return scores.softmax(dim=1).numpy()  # equal ones are equal answers, as in predict

    return Case(frozen_net(module, **options), answer)


class Returns(nn.Module):
    """A small net that returns its scores in some form."""

    def __init__(self, form: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.net, self.form = _small(), form

    def forward(self, X: torch.Tensor) -> Any:
        """Return scores and features in the form."""
        features = self.net.layers[:-1](X)
        return self.form(self.net.layers[-1](features), features)


def _returns(form: Any, pick: Callable[[Any], Any] = lambda out: out, **options: Any) -> Case:
    return _of(Returns(form).eval(), pick, **options)


def _torchvision(name: str, **options: Any) -> Case:
    import torchvision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of initial weights
        module = getattr(torchvision.models, name)(num_classes=_CLASSES, **options)
    return _of(module.eval())


def _vision_transformer() -> Case:
    from torchvision.models import VisionTransformer

    return _of(VisionTransformer(32, 8, 2, 4, 64, 128, num_classes=_CLASSES).eval())


def _timm(name: str, **options: Any) -> Case:
    import timm

    return _of(timm.create_model(name, num_classes=_CLASSES, **options).eval())


def _transformers(kind: str, **settings: Any) -> Case:
    import transformers

    config = getattr(transformers, f"{kind}Config")(num_labels=_CLASSES, **settings)
    module = getattr(transformers, f"{kind}ForImageClassification")(config)
    return _of(module.eval(), lambda out: out.logits)


def _quiet(make: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these ways of making modules are announced to go
        return make()


def _scripted() -> Case:
    return _of(_quiet(lambda: torch.jit.script(_small())))


def _traced() -> Case:
    return _of(_quiet(lambda: torch.jit.trace(_small(), torch.from_numpy(_IMAGES))))


def _saved_script() -> Case:
    buffer = io.BytesIO()
    _quiet(lambda: torch.jit.save(torch.jit.freeze(torch.jit.script(_small())), buffer))
    buffer.seek(0)
    return _of(_quiet(lambda: torch.jit.load(buffer)))


def _exported() -> Case:
    rows = torch.export.Dim("rows")
    images = torch.from_numpy(_IMAGES)
    program = torch.export.export(_small(), (images,), dynamic_shapes=({0: rows},))
    return _of(program.module())


def _compiled() -> Case:
    return _of(torch.compile(_small(), backend="eager"))


def _quantised() -> Case:
    quantise = torch.ao.quantization.quantize_dynamic
    return _of(_quiet(lambda: quantise(_small(), {nn.Linear}, dtype=torch.qint8)))


def _statically_quantised() -> Case:
    def make() -> nn.Module:
        ao = torch.ao.quantization
        inner = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1800, 10))
        module = nn.Sequential(ao.QuantStub(), inner, ao.DeQuantStub()).eval()
        module.qconfig = ao.get_default_qconfig(torch.backends.quantized.engine)
        prepared = ao.prepare(module)
        prepared(torch.from_numpy(_IMAGES))
        return ao.convert(prepared)

    return _of(_quiet(make))


def _of_16_bits() -> Case:
    module = _small().to(torch.bfloat16)
    case = _of(module)
    case.answer = lambda X: module(torch.as_tensor(X).bfloat16()).float().detach().numpy()
    return case


def _of_float64() -> Case:
    module = _small().double()
    return Case(frozen_net(module), lambda X: module(torch.as_tensor(X).double()).detach().numpy())


class Autocast(Small):
    """Returns scores of 16 bits."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return scores."""
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(X)


def _without_parameters() -> Case:
    class Colours(nn.Module):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return X.mean(dim=(2, 3))

    return _of(Colours())


def _stored() -> bytes:
    buffer = io.BytesIO()
    _quiet(
        lambda: torch.onnx.export(
            _small(),
            (torch.from_numpy(_IMAGES),),
            buffer,
            dynamo=False,
            input_names=["X"],
            dynamic_axes={"X": {0: "rows"}},
        )
    )
    return buffer.getvalue()


def _session() -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(_stored(), options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(None, {"X": np.asarray(X, dtype=np.float32)})[0]


def _onnx_function() -> Case:
    ask = _session()
    return Case(sksmooth.frozen_callable(ask, classes=range(_CLASSES)), ask)


def _onnx_module() -> Case:
    class Session(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ask = _session()

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self.ask(X.numpy()))

    return _of(Session())


def _function(make: Callable[[], Callable[[Any], Any]]) -> Case:
    ask = make()
    return Case(sksmooth.frozen_callable(ask, classes=range(_CLASSES)), ask)


def _jax() -> Callable[[Any], Any]:
    import jax

    weights = jax.random.normal(jax.random.PRNGKey(0), (3072, _CLASSES))
    ask = jax.jit(lambda X: X.reshape(len(X), -1) @ weights)
    return lambda X: np.asarray(ask(X))


def _flax() -> Callable[[Any], Any]:
    import jax
    from flax import linen

    class Net(linen.Module):
        @linen.compact
        def __call__(self, X: Any) -> Any:
            X = linen.relu(linen.Conv(8, (3, 3))(X.transpose(0, 2, 3, 1)))
            return linen.Dense(_CLASSES)(X.reshape(len(X), -1))

    net = Net()
    weights = net.init(jax.random.PRNGKey(0), _IMAGES)
    ask = jax.jit(net.apply)
    return lambda X: np.asarray(ask(weights, X))


def _keras() -> Callable[[Any], Any]:
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    net = keras.Sequential(
        [
            layers.Input(_SHAPE),
            layers.Permute((2, 3, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(_CLASSES),
        ]
    )
    return lambda X: net.predict_on_batch(X)


def _tensorflow() -> Callable[[Any], Any]:
    import tensorflow as tf

    weights = tf.random.normal((3072, _CLASSES), seed=0)
    return lambda X: (tf.reshape(X, (len(X), -1)) @ weights).numpy()


def _skorch_trained() -> Case:
    net = skorch.NeuralNetClassifier(
        Small, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
    )
    case = Case(net, lambda X: None)
    return case


def _binary() -> Case:
    class One(Small):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return super().forward(X)[:, 0]

    net = skorch.NeuralNetBinaryClassifier(One().eval(), verbose=0).initialize()
    scores = lambda X: net.module_(torch.as_tensor(X)).detach().numpy()  # noqa: E731
    from sklearn.frozen import FrozenEstimator

    return Case(FrozenEstimator(net), lambda X: np.stack([-scores(X), scores(X)], axis=1))


def _sequences() -> Case:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells, self.out = nn.LSTM(96, 16, batch_first=True), nn.Linear(16, _CLASSES)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return self.out(self.cells(X.flatten(2))[0][:, -1])

    module = Reader().eval()
    case = _of(module)
    case.X = np.ascontiguousarray(_IMAGES.transpose(0, 2, 1, 3))
    return case


def _reads_its_batch() -> Case:
    class Batch(Small):
        def __init__(self) -> None:
            super().__init__()
            self.layers[1] = nn.BatchNorm2d(8, track_running_stats=False)

    return _of(Batch().eval())


def _data_set(loader: bool) -> Case:
    data = torch.utils.data.TensorDataset(torch.from_numpy(_IMAGES), torch.arange(6))
    case = _of(_small())
    case.X = torch.utils.data.DataLoader(data, batch_size=2) if loader else data
    return case


def _bare() -> Case:
    module = _small()
    return Case(module, lambda X: module(torch.as_tensor(X)).detach().numpy())


# title, and what makes the case; what is asked of the model is in the title
KINDS: list[tuple[str, Callable[[], Case]]] = [
    ("torch: module", lambda: _of(_small())),
    ("torch: in `DataParallel`", lambda: _of(nn.DataParallel(_small()))),
    ("torch: of bfloat16", _of_16_bits),
    ("torch: under autocast, scores of 16 bits", lambda: _of(Autocast().eval())),
    ("torch: of float64, rows of float32", _of_float64),
    ("torch: without parameters", _without_parameters),
    ("torch: LSTM over rows of shape (32, 3, 32)", _sequences),
    ("torch: returns a dict with `logits`", lambda: _returns(_dict, lambda o: o["logits"])),
    ("torch: returns an object with `logits`", lambda: _returns(_object, lambda o: o.logits)),
    ("torch: returns (logits, features)", lambda: _returns(lambda a, b: (a, b), lambda o: o[0])),
    (
        "torch: returns (logits, features), `classes` given",
        lambda: _returns(lambda a, b: (a, b), lambda o: o[0], classes=range(_CLASSES)),
    ),
    ("torch: returns (features, logits)", lambda: _returns(lambda a, b: (b, a), lambda o: o[1])),
    (
        "torch: returns (features, logits), `output=1`",
        lambda: _returns(lambda a, b: (b, a), lambda o: o[1], output=1),
    ),
    ("torch: returns (logits, logits)", lambda: _returns(lambda a, b: (a, -a), lambda o: o[0])),
    ("torch: returns a list [logits]", lambda: _returns(lambda a, b: [a], lambda o: o[0])),
    ("torch: returns {out, aux}", lambda: _returns(_two, lambda o: o["out"])),
    (
        'torch: returns {out, aux}, `output="out"`',
        lambda: _returns(_two, lambda o: o["out"], output="out"),
    ),
    ("torch: returns an array of numpy", lambda: _returns(lambda a, b: a.numpy(), torch.as_tensor)),
    ("torch: batch normalisation by the batch", _reads_its_batch),
    ("torch: scripted (TorchScript)", _scripted),
    ("torch: traced (TorchScript)", _traced),
    ("torch: frozen script, saved and loaded", _saved_script),
    ("torch: `torch.export`, its module", _exported),
    ("torch: compiled", _compiled),
    ("torch: quantised, dynamic", _quantised),
    ("torch: quantised, static", _statically_quantised),
    ("torch: bare module, not in `frozen_net`", _bare),
    ("torch: X is a data set", lambda: _data_set(loader=False)),
    ("torch: X is a DataLoader", lambda: _data_set(loader=True)),
    ("skorch: not trained yet", _skorch_trained),
    ("skorch: binary, one score", _binary),
    ("torchvision: ResNet-18", lambda: _torchvision("resnet18")),
    ("torchvision: MobileNet v3", lambda: _torchvision("mobilenet_v3_small")),
    ("torchvision: EfficientNet B0", lambda: _torchvision("efficientnet_b0")),
    ("torchvision: ConvNeXt tiny", lambda: _torchvision("convnext_tiny")),
    ("torchvision: GoogLeNet, with auxiliary outputs", lambda: _torchvision("googlenet")),
    ("torchvision: ShuffleNet v2", lambda: _torchvision("shufflenet_v2_x0_5")),
    ("torchvision: vision transformer", _vision_transformer),
    ("timm: ResNet-10", lambda: _timm("resnet10t")),
    ("timm: vision transformer", lambda: _timm("vit_tiny_patch16_224", img_size=32, patch_size=8)),
    ("timm: MLP-Mixer", lambda: _timm("mixer_s32_224", img_size=32)),
    (
        "transformers: ViT from its config",
        lambda: _transformers(
            "ViT",
            image_size=32,
            patch_size=8,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=128,
        ),
    ),
    (
        "transformers: ResNet from its config",
        lambda: _transformers(
            "ResNet", embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic"
        ),
    ),
    ("ONNX Runtime: function", _onnx_function),
    ("ONNX Runtime: session inside a module", _onnx_module),
    ("JAX: function", lambda: _function(_jax)),
    ("Flax: function", lambda: _function(_flax)),
    ("Keras: function", lambda: _function(_keras)),
    ("TensorFlow: function", lambda: _function(_tensorflow)),
]


class _Answer:
    """An output of a field, as those of transformers."""

    def __init__(self, logits: torch.Tensor, features: torch.Tensor) -> None:
        self.logits, self.features = logits, features


def _object(scores: torch.Tensor, features: torch.Tensor) -> _Answer:
    return _Answer(scores, features)


def _dict(scores: torch.Tensor, features: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"features": features, "logits": scores}


def _two(scores: torch.Tensor, features: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"out": scores, "aux": -scores}


def outcome(make: Callable[[], Case]) -> tuple[str, str]:
    """Return what happens with a model, in a word and in more of them."""
    try:
        case = make()
    except ImportError as error:
        return "not run", f"{error.name or error} is not installed"
    try:
        clf = SmoothedClassifier(case.base, _SIGMA, n=200, n0=20, random_state=0)
        y = np.arange(6) % 2 if len(getattr(case.base, "classes_", range(9))) == 2 else np.arange(6)
        if not isinstance(case.base, skorch.NeuralNetClassifier):
            y = y % len(np.atleast_2d(case.answer(_rows(case.X)))[0])
        clf.fit(case.X, y)
        certificate = clf.certify(case.X)
    except Exception as error:
        return "refused", f"{type(error).__name__}: {error}".replace("\n", " ")
    try:
        log = pathlib.Path(tempfile.mkdtemp()) / "run.tsv"
        logged = clf.certify(case.X, log=log)
    except ValueError as error:
        logged, note = certificate, f"not with log=: {error}"
    else:
        note = "the same with log="
    if not np.array_equal(logged.counts, certificate.counts):
        return "**differs**", "another certificate with log="
    scores = case.answer(_rows(case.X))
    if scores is None:  # it was trained in fit
        scores = clf.estimator_.module_.eval()(torch.from_numpy(_IMAGES)).detach().numpy()
    labels = clf.classes_[np.asarray(scores).argmax(axis=1)]
    sure = ~certificate.abstained
    if not sure.any() or not np.array_equal(certificate.labels[sure], labels[sure]):
        return "**differs**", f"{certificate.labels.tolist()} where it says {labels.tolist()}"
    return "works", f"{sure.sum()} of {len(labels)} rows certified, with its own labels; {note}"


def _rows(X: Any) -> Any:
    return X if isinstance(X, np.ndarray) else _IMAGES


def run() -> Page:
    """Try all kinds."""
    torch.set_num_threads(1)
    lines, figures = [], {}
    for title, make in KINDS:
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            word, more = outcome(make)
        print(f"{title}: {word}, {more}", flush=True)
        figures[title] = {"outcome": word, "more": more}
        lines.append([title, word, more.replace("|", r"\|")])
    words = dict.fromkeys(line[1] for line in lines)
    counts = {word: sum(line[1] == word for line in lines) for word in words}
    text = (
        f"{len(lines)} kinds of models with random weights, at six images of 3 x 32 x 32, sigma "
        f"{_SIGMA:g}, n = 200. A model works if certified labels are its own answers to the rows "
        "without noise. "
        + ", ".join(f"{word}: {count}" for word, count in counts.items())
        + ". Refusals are given as the user sees them."
    )
    return Page(
        "Kinds of models",
        [text, table(["model", "", "what happens"], lines)],
        figures,
        ("torch", "skorch"),
    )


if __name__ == "__main__":
    restart_steady("benchmarks.models")
    page = run().to_markdown("python -m benchmarks.models")
    (_RESULTS / "models.md").write_text(page)
