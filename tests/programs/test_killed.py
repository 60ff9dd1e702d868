"""Training and certification of CIFAR-10 are killed again and again, and end in the same logs."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skorch")

_KILLS = 20
_SCRIPT = textwrap.dedent("""
    import contextlib, io, os, pathlib, sys, tempfile
    import numpy as np
    import torch
    from torch import nn
    from reproduction.nets import cifar_cpu, cifar_training
    from reproduction.nets.data import Cifar
    from sksmooth.objectives import GaussianAugmentation
    from sksmooth.records import probed, running
    from sksmooth.sampling import sampler

    torch.set_num_threads(1)
    running._NOTE_SECONDS, probed._PROBES = 0.0, (16, 32)
    sampler._PIECE_DRAWS, sampler._PIECE_VALUES = (128, 2**12), 2**15
    cifar_training.make_architecture = lambda name: nn.Sequential(
        nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 10)
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 10, 64)
    data = Cifar(images, labels, images[:4] / np.float32(255), labels[:4], np.arange(4))
    recipe = cifar_training.Recipe("test", GaussianAugmentation(), 0.5, epochs=20)

    def run(folder):
        module = cifar_training.train(recipe, data, folder)
        decided, measured = cifar_cpu._logs(recipe, folder, (400, 200))
        cifar_cpu._certified(recipe, module, data, decided, 400, [0.0, 0.5, 1.0])
        cifar_cpu._certified(recipe, module, data, measured, 200)

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run(pathlib.Path(folder))  # libraries take longer for the first call than all the rest
    print("ready", flush=True)
    while line := sys.stdin.readline():
        pid = os.fork()  # a new process without the seconds that imports take
        if not pid:
            sys.stdout = open(os.devnull, "w")
            run(pathlib.Path(line.strip()))
            os._exit(0)
        print(pid, flush=True)
        sys.stdin.readline()  # until then there is a process of this number, dead or alive
        _, status, usage = os.wait4(pid, 0)
        print(status, usage.ru_utime + usage.ru_stime, flush=True)
""")


def content(folder):
    """The logs in a folder, without the seconds of their rows, and the weights' bytes."""
    found = {}
    for log in folder.glob("*.tsv"):
        lines = [line.split("\t") for line in log.read_text().split("\n")]
        place = lines[2].index("seconds")
        found[log.name] = [cells[:place] + cells[place + 1 :] for cells in lines]
    return found


def wait_for(pid, seconds):
    """Return when a process has had so many seconds of a processor, or has ended."""
    clock, status = (~pid << 3) | 2, pathlib.Path(f"/proc/{pid}/stat")
    while time.clock_gettime(clock) < seconds:
        time.sleep(0.002)
        if status.read_text().rpartition(")")[2].split()[0] == "Z":
            return


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processor time of another process")
def test_training_and_certification_are_killed_again_and_again(tmp_path):
    import torch

    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SCRIPT],
        text=True,
        env=environment,
        cwd=root,
        **pipes,
    ) as starter:

        def run(folder, seconds=None):
            """Let a process train and certify; kill it after some seconds of work.

            Return whether it was killed, and how long it worked.
            """
            folder.mkdir(exist_ok=True)
            print(folder, file=starter.stdin, flush=True)
            pid = int(starter.stdout.readline())
            if seconds is not None:
                wait_for(pid, seconds)
                os.kill(pid, signal.SIGKILL)
            print(file=starter.stdin, flush=True)
            status, worked = starter.stdout.readline().split()
            assert int(status) in (0, signal.SIGKILL)
            return int(status) != 0, float(worked)

        assert starter.stdout.readline() == "ready\n"
        killed, seconds = run(tmp_path / "whole")
        assert not killed
        rng = np.random.default_rng(0)
        whole, kills, number, trained = content(tmp_path / "whole"), 0, 0, 0
        assert len(whole) == 2
        while kills < _KILLS:
            folder, number = tmp_path / str(number), number + 1
            while kills < _KILLS and run(folder, rng.uniform(0, 0.9) * seconds)[0]:
                kills += 1
                trained += not list(folder.glob("*.tsv"))
            run(folder)
            assert content(folder) == whole
            kept = [
                torch.load(next(f.glob("*.pth.tar")), weights_only=True)["state_dict"]
                for f in (folder, tmp_path / "whole")
            ]
            assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[1])
        assert 0 < trained < _KILLS  # it was killed in training, and in certification
        starter.stdin.close()
