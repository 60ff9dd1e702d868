"""Noise from the GPU's kernels is the processor's, bit for bit.

Without a GPU the kernels run in Triton's interpreter, on numpy, in a process of their own: Triton
must be told before it is loaded. These tests need Triton 3.9: ``make test-interpreter``.
"""

import os
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

from sksmooth.backends import Source
from sksmooth.noise import FloatGaussian, IntegerGaussian
from sksmooth.noise.samplers import FineNormal
from sksmooth.noise.streams import Philox, Purpose, block_rows

torch = pytest.importorskip("torch")


def case(sigma, levels, shape, rows, dtype="float32", *, off=0.0, add=0.0, **name):
    """Noise, a row, the name of its first block, and how many rows to draw."""
    noise = IntegerGaussian(sigma, int(np.prod(shape)), levels)
    steps = np.arange(noise.n_values) % 256 + off
    row = (steps / (levels or 100) + add).astype(dtype).reshape(shape)
    key = np.array(name.get("key", (2**63 + 11, 2**40 + 7)), dtype=np.uint64)
    return noise, row, (key, name.get("block", 3), name.get("purpose", Purpose.ESTIMATE)), rows


# Blocks of rows of 3 values have 4,096 rows, of 37 values 2,048, of 784 values 128.
CASES = {
    "levels": case(0.25, 255, 37, 100),
    "levels, float64": case(0.25, 255, 37, 100, "float64"),
    "a value": case(0.25, 255, 1, 1),
    "not full words": case(0.25, 255, 3, 7),
    "blocks": case(0.12, 255, 3, 2 * 4096 + 5, block=6),
    "many unsure values": case(2.0, 255, 3, 4096),
    "levels 1": case(8.0, 1, 37, 60, "float64"),
    "image": case(0.5, 255, (1, 28, 28), 5),
    "another purpose": case(0.25, 255, 37, 50, purpose=Purpose.SELECT),
    "numbers that are 1": case(0.25, 255, 37, 50, key=(1, 0), block=1, purpose=Purpose.PREDICT),
    "sums beyond float32": case(8.0, 1, 37, 50, add=2**24 - 40),
    "off levels": case(0.25, 255, 37, 100, off=0.3),
    "off levels, float64": case(0.5, 255, 37, 100, "float64", off=0.3),
    "no levels": case(0.7, None, 37, 100, off=0.3),
    "no levels, float64": case(0.7, None, 37, 100, "float64"),
    "no levels, blocks": case(1e-3, None, 3, 4096 + 700, block=2),
    "no levels, not full words": case(0.7, None, 3, 7),
    "no levels, far away": case(1e-3, None, 3, 50, add=1e5),
}


def on_processor(noise, row, name, n, stream="philox"):
    """The oracle: a block after the other, each filled by the processor."""
    source, out = Source(noise, stream), np.empty((n, *row.shape), row.dtype)
    source.prepare(row)
    key, block, purpose = name
    size = block_rows(row.size)
    for start in range(0, n, size):
        source.fill(key, block + start // size, purpose, out[start : start + size])
    return out


def by_cuda_source(noise, row, name, n, stream="philox", device="cpu"):
    from sksmooth.backends.cuda import CudaSource

    source = CudaSource(noise, stream, torch.device(device))
    out = source.empty(n, row[None])
    source.prepare(row)
    source.fill(*name, out)
    return out


def assert_same_bits(drawn, expected):
    assert drawn.dtype == expected.dtype
    assert drawn.shape == expected.shape
    assert drawn.tobytes() == expected.tobytes()


INTERPRETER = """
import pickle, sys, warnings
import torch
from sksmooth.backends.cuda import CudaSource, source

def draw(noise, row, name, n):
    drawer = CudaSource(noise, "philox", torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Noise is drawn on the processor")
        drawer.prepare(row)
    assert drawer._kernels is not None
    out = drawer.empty(n, row[None])
    drawer.fill(*name, out)
    return out.numpy()

while True:
    settings, case = pickle.load(sys.stdin.buffer)
    for constant, value in settings.items():
        setattr(source, constant, value)
    try:
        answer = draw(*case)
    except Exception as error:
        answer = repr(error)
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.flush()
"""
SIZES = {"_TILE": 2048, "_LANES": 64, "_CANDIDATES": 512}


@pytest.fixture(scope="module")
def interpreter():
    """A function that draws in a process where kernels are interpreted."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONWARNINGS": "ignore"}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", INTERPRETER]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as process:

        def draw(*case, **settings):
            pickle.dump((SIZES | settings, case), process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
            assert isinstance(answer, np.ndarray), answer
            return answer

        yield draw
        process.kill()


@pytest.mark.interpreter
@pytest.mark.parametrize("name", CASES)
def test_interpreted_kernels_draw_the_same_bits(name, interpreter):
    assert_same_bits(interpreter(*CASES[name]), on_processor(*CASES[name]))


@pytest.mark.interpreter
@pytest.mark.parametrize("name", ["many unsure values", "no levels, blocks", "off levels"])
def test_small_tiles(name, interpreter):
    noise, row, name, n = CASES[name]
    n = min(n, 600)
    drawn = interpreter(noise, row, name, n, _TILE=256, _LANES=4, _CANDIDATES=16)
    assert_same_bits(drawn, on_processor(noise, row, name, n))


@pytest.mark.interpreter
@pytest.mark.parametrize("name", ["blocks", "no levels, blocks"])
def test_tiles_that_reach_beyond_a_block(name, interpreter):
    drawn = interpreter(*CASES[name], _TILE=8192)
    assert_same_bits(drawn, on_processor(*CASES[name]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_the_device_draws_the_same_bits(name):
    drawn = by_cuda_source(*CASES[name], device="cuda")
    assert drawn.is_cuda
    assert_same_bits(drawn.cpu().numpy(), on_processor(*CASES[name]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 224, 224), (64,)])
@pytest.mark.parametrize("off", [0.0, 0.3])
def test_the_device_draws_whole_batches(shape, off):
    rows = 3 * block_rows(int(np.prod(shape))) + 5
    made = case(0.5, 255, shape, rows, off=off)
    assert_same_bits(by_cuda_source(*made, device="cuda").cpu().numpy(), on_processor(*made))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_nothing_waits_for_the_device():
    from sksmooth.backends.cuda import CudaSource

    noise, row, name, n = CASES["image"]
    source = CudaSource(noise, "philox", torch.device("cuda"))
    source.prepare(row)
    out = source.empty(n, row[None])
    torch.cuda.set_sync_debug_mode("error")
    try:
        source.prepare(row)
        source.fill(*name, out)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def _unchecked():
    """As if no noise had been compared before."""
    from sksmooth.backends.cuda import source

    source._agrees.cache_clear()
    yield
    source._agrees.cache_clear()


@pytest.mark.usefixtures("_unchecked")
def test_without_triton_noise_is_sent_and_one_warning_says_so(monkeypatch):
    import sksmooth.backends.cuda

    monkeypatch.delattr(sksmooth.backends.cuda, "kernels", raising=False)
    monkeypatch.delitem(sys.modules, "sksmooth.backends.cuda.kernels", raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    made = CASES["blocks"]
    with pytest.warns(UserWarning, match="drawn on the processor.*triton") as caught:
        drawn = [by_cuda_source(*made) for _ in range(2)]
    assert len(caught) == 1
    for batch in drawn:
        assert isinstance(batch, torch.Tensor)
        assert_same_bits(batch.numpy(), on_processor(*made))


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (lambda self, key, block, purpose, out: None, "does not draw there what it should"),
        (lambda *args: {}["PTX"], "KeyError: 'PTX'"),
    ],
)
def test_kernels_that_fail_are_not_used(fill, reason, monkeypatch):
    monkeypatch.setattr("sksmooth.backends.cuda.source._Kernels.fill", fill)
    made = CASES["off levels"]
    with pytest.warns(UserWarning, match=re.escape(reason)):
        drawn = by_cuda_source(*made)
    assert_same_bits(drawn.numpy(), on_processor(*made))


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize("off", [0.0, 0.3])
@pytest.mark.parametrize("error", [0.0, 1e-6])
def test_a_single_wrong_value_is_noticed(off, error, monkeypatch):
    class Nearly:
        """Wrong in one value, for rows of one of the two kinds."""

        def __init__(self, noise, total, device):
            self.total = total
            self.error = error if isinstance(total.sampler, FineNormal) == (off > 0) else 0.0

        def fill(self, key, block, purpose, out):
            for number, part in enumerate(out.split(block_rows(out[0].numel()))):
                self.total(Philox().at(key, block + number, purpose), part.numpy())
            out.view(-1)[-1] += self.error

    monkeypatch.setattr("sksmooth.backends.cuda.source._Kernels", Nearly)
    made = case(0.25, 255, 3, 7, off=off)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn = by_cuda_source(*made)
    assert len(caught) == (error > 0)
    assert_same_bits(drawn.numpy(), on_processor(*made))


@pytest.mark.parametrize(
    ("noise", "stream"),
    [
        (IntegerGaussian(0.25, 37, 255), "shake128"),
        (FloatGaussian(0.25), "philox"),
    ],
)
def test_other_noise_is_sent_without_a_warning(noise, stream):
    _, row, name, n = CASES["levels"]
    n = block_rows(row.size) + 5  # of the next block, too
    drawn = by_cuda_source(noise, row, name, n, stream)
    assert_same_bits(drawn.numpy(), on_processor(noise, row, name, n, stream))


FORMS = {
    "levels, float32": ("fp32", {"FINE": False, "ODD": 1}),
    "levels, float64": ("fp64", {"FINE": False, "ODD": 1}),
    "fine, float32": ("fp32", {"FINE": True, "ODD": 0}),
    "fine to levels, float32": ("fp32", {"FINE": True, "ODD": 32897}),
}
KINDS = {
    "table": "*i16",
    "row": "*i64",
    "thresholds": "*i64",
    "starts": "*i64",
    "near": "*i64",
    "threshold": "*i64",
    "key0": "i64",
    "key1": "i64",
    "unit": "*fp64",
    "room": "*fp64",
    "factor": "*fp64",
}
POINTERS = {"unsure", "counts", "accepted", "alias"}


def assembly(kernel, kinds, **constants):
    """A kernel in the GPU's assembly language, as it is compiled on an H100."""
    import triton
    from triton.backends.compiler import GPUTarget

    names = [parameter.name for parameter in kernel.params]
    kinds = dict.fromkeys(names, "i32") | dict.fromkeys(POINTERS, "*i32") | KINDS | kinds
    signature = {name: "constexpr" if name in constants else kinds[name] for name in names}
    values = {(names.index(name),): value for name, value in constants.items()}
    source = triton.compiler.ASTSource(kernel, signature=signature, constexprs=values)
    options = {"num_warps": 4, "enable_fp_fusion": False}
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).asm["ptx"]


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("TRITON_INTERPRET is set: nothing is compiled")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from sksmooth.backends.cuda import kernels

    return kernels


@pytest.mark.interpreter
@pytest.mark.parametrize("form", FORMS)
def test_compiled_kernels_round_as_ieee_says(form, kernels):
    kind, constants = FORMS[form]
    kinds = {"out": f"*{kind}", "table": "*i32" if constants["FINE"] else "*i16"}
    code = assembly(kernels.look_up, kinds, TILE=2048, **constants)
    code += assembly(kernels.look_again, kinds, TILE=2048, LANES=64, DEPTH=9, **constants)
    # products and sums are not fused, and no division is approximate
    assert not re.search(r"fma\.|div\.(full|approx)|rcp\.|cvt\.rz\.f", code)
    if constants["ODD"]:
        assert f"div.rn.{kind.replace('fp', 'f')}" in code
    else:
        assert "mul.rn.f64" in code
        assert "cvt.rn.f32.f64" in code


@pytest.mark.interpreter
@pytest.mark.usefixtures("_unchecked")
def test_kernels_are_compiled_as_in_these_tests(kernels, monkeypatch):
    options = []

    class Recorder:
        def __getitem__(self, grid):
            return lambda *args, **given: options.append(given)

    for name in kernels.__all__:
        monkeypatch.setattr(kernels, name, Recorder())
    with pytest.warns(UserWarning, match="does not draw"):
        by_cuda_source(*CASES["off levels"])
    assert len(options) == len(kernels.__all__)
    assert all(given["enable_fp_fusion"] is False for given in options)


@pytest.mark.interpreter
def test_compiled_comparisons_round_as_ieee_says(kernels):
    sizes = {"TILE": 2048, "LANES": 512, "COLUMNS": 2048, "TERMS": 7}
    code = assembly(kernels.accept, {}, **sizes)
    assert not re.search(r"fma\.|div\.(full|approx)|rcp\.|cvt\.rz\.f", code)
    # each of a thread's 4 candidates: 6 terms of the series, each y / j and + 1
    assert code.count("div.rn.f64") == 4 * 6
    assert code.count("add.rn.f64") == 4 * 7
