"""The benchmark of certification on a GPU: that it runs, and counts what it should."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
pytest.importorskip("torchvision")

ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks.gpu", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_dry_run(tmp_path):
    before = sorted((ROOT / "benchmarks" / "results").glob("gpu*"))
    done = run("--dry-run", "--images", "1", "--n", "20", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "gpu_dry_run.json").read_text())
    assert (tmp_path / "gpu_dry_run.md").read_text().rstrip() in done.stdout
    assert str(tmp_path) not in done.stdout
    assert [case["name"] for case in results["cases"]] == ["cifar10", "imagenet"]
    for case in results["cases"]:
        forms = {form["form"]: form for form in case["forms"]}
        assert list(forms) == ["float32", "bfloat16"]
        for form in forms.values():
            assert form["draws"] == [20 + 8]  # the rate is not that of a row given up
            assert len(form["times"]["limit"]) == 2
            assert set(form["fractions"]) >= {"certify", "noise"}
        assert forms["float32"]["shortcut"] == "channels_last"
        assert forms["bfloat16"]["shortcut"] == "channels_last+bfloat16"
    assert sorted((ROOT / "benchmarks" / "results").glob("gpu*")) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_what_to_do(monkeypatch, capsys):
    program = pytest.importorskip("benchmarks.gpu.__main__")  # where the root is on the path
    monkeypatch.setattr(sys, "argv", ["benchmarks.gpu"])
    with pytest.raises(SystemExit) as stopped:
        program.main()
    assert stopped.value.code == 2
    assert "no CUDA device was found; --dry-run does without" in capsys.readouterr().err


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_device(tmp_path):
    small = ("--n", "8000", "--images", "1", "--cases", "cifar10", "--forms", "bfloat16")
    done = run(*small, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("gpu_*.json")
    results = json.loads(path.read_text())
    assert results["about"]["device"] == torch.cuda.get_device_name()
    assert results["cases"][0]["forms"][0]["draws"] == [8100]
