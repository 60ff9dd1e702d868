"""certify(X, log=...): what a run that was cut off has done is kept, and the end is the same."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from helpers import Terminal, assert_same_certificate, blobs, with_run
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import sksmooth
from sksmooth import SmoothedClassifier
from sksmooth.noise import FloatGaussian
from sksmooth.noise.streams import Purpose
from sksmooth.records import probed, read_log
from sksmooth.records.running import RunningLog
from sksmooth.sampling import sampler

X, y = blobs(60, d=5)


class Stop(BaseException):
    """What a test interrupts a run by."""


LEFT = {"calls": None}  # not an attribute of the class, which the hash of a model sees
PROBING = 8  # calls of predict that tell the model from others


class Fragile(LogisticRegression):
    """Raises after some calls of predict; with None, never."""

    def predict(self, X):
        if LEFT["calls"] is not None:
            if LEFT["calls"] == 0:
                raise Stop
            LEFT["calls"] -= 1
        return super().predict(X)


@pytest.fixture
def fragile(monkeypatch, no_trials):
    """A smoother that can be interrupted, and that tells its journal often."""
    monkeypatch.setitem(LEFT, "calls", None)
    monkeypatch.setattr(sampler, "_PIECE_DRAWS", (256, 2**14))
    monkeypatch.setattr(sampler, "_PIECE_VALUES", 2**13)
    monkeypatch.setattr("sksmooth.records.running._NOTE_SECONDS", 0.0)
    monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 20_000)
    return smoothed(Fragile())


def content_of(log):
    """A log without the seconds, which are others each time."""
    lines = log.read_text().split("\n")
    place = lines[2].split("\t").index("seconds")
    return [
        *lines[:2],
        *([c for i, c in enumerate(line.split("\t")) if i != place] for line in lines[2:]),
    ]


def smoothed(base, **options):
    options = {"method": "montecarlo", "shortcuts": None, "random_state": 0} | options
    return SmoothedClassifier(base, sigma=1.0, **options).fit(X, y)


def interrupted(clf, log, calls, **options):
    LEFT["calls"] = PROBING + calls
    with pytest.raises(Stop) as stop:
        clf.certify(X, log=log, **options)
    LEFT["calls"] = None
    return stop


class TestWhole:
    """Without an interruption."""

    @pytest.mark.parametrize(
        ("base", "options", "asked"),
        [
            (GaussianNB(), {}, {}),
            (GaussianNB(), {}, {"bound": "two-sided"}),
            (GaussianNB(), {}, {"radius": [0.5, 1.0]}),
            (GaussianNB(), {}, {"tol": 0.1}),
            (GaussianNB(), {"arithmetic": "float"}, {}),
            (RandomForestClassifier(5), {"shortcuts": "auto"}, {}),
            (LogisticRegression(), {"shortcuts": "auto"}, {}),
            (LogisticRegression(), {"method": "exact"}, {}),
            (DecisionTreeClassifier(), {"method": "exact"}, {}),
            (GaussianNB(), {"abstain_label": None}, {}),
            (GaussianNB(), {"sigma": [1.0, 0.5, 0.0, 1.0, 2.0]}, {}),
        ],
    )
    def test_the_same_certificate_as_without_a_log(self, tmp_path, base, options, asked):
        clf = smoothed(base, **{k: v for k, v in options.items() if k != "sigma"})
        clf.set_params(sigma=options.get("sigma", 1.0))
        with_log = clf.certify(X, n=2000, log=tmp_path / "run.tsv", **asked)
        assert_same_certificate(with_log, clf.certify(X, n=2000, **asked))
        assert os.listdir(tmp_path) == ["run.tsv"]
        again = clf.certify(X, n=2000, log=str(tmp_path / "run.tsv"), **asked)
        assert_same_certificate(again, with_log)
        assert_same_certificate(read_log(tmp_path / "run.tsv").certificate, with_log)

    def test_labels_of_strings(self, tmp_path):
        names = np.array(["no", "certainly"])[y]
        clf = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(X, names)
        assert_same_certificate(clf.certify(X, log=tmp_path / "a.tsv"), clf.certify(X))

    def test_small_groups_and_pieces_change_nothing(self, tmp_path, fragile):
        with_log = fragile.certify(X, n=3000, log=tmp_path / "run.tsv")
        assert_same_certificate(with_log, fragile.certify(X, n=3000))

    def test_finished_rows_are_not_asked_about_again(self, tmp_path, fragile):
        first = fragile.certify(X, n=3000, log=tmp_path / "run.tsv")
        LEFT["calls"] = PROBING
        assert_same_certificate(fragile.certify(X, n=3000, log=tmp_path / "run.tsv"), first)
        assert LEFT["calls"] == 0

    def test_rows_that_are_not_in_memory(self, tmp_path, monkeypatch):
        monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 4 * 5 * 7)  # seven rows
        rows = np.memmap(tmp_path / "rows", dtype=X.dtype, mode="w+", shape=X.shape)
        rows[:] = X
        clf = smoothed(GaussianNB())
        with_log = clf.certify(rows, n=500, log=tmp_path / "run.tsv")
        assert_same_certificate(with_log, clf.certify(X, n=500))
        assert_same_certificate(clf.certify(X, n=500, log=tmp_path / "run.tsv"), with_log)

    def test_of_a_search(self, tmp_path):
        search = GridSearchCV(
            SmoothedClassifier(GaussianNB(), n=200, random_state=0), {"sigma": [0.5, 1.0]}
        ).fit(X, y)
        with_log = sksmooth.certify(search, X, log=tmp_path / "run.tsv")
        assert_same_certificate(with_log, sksmooth.certify(search, X))

    def test_head_describes_the_run(self, tmp_path):
        clf = smoothed(GaussianNB())
        clf.certify(X, n=500, n0=50, alpha=0.01, log=tmp_path / "run.tsv")
        head = json.loads((tmp_path / "run.tsv").read_text().split("\n")[1].removeprefix("# "))
        assert (head["n"], head["n0"], head["alpha"], head["sigma"]) == (500, 50, 0.01, 1.0)
        assert head["seed"] == clf._seed.hex()
        assert head["versions"]["numpy"] == np.__version__
        assert len(head["settings"]["model"]) == 32


class TestInterrupted:
    def test_goes_on_to_the_same_log(self, tmp_path, fragile):
        """At every place where it can be interrupted, and a second time as well."""
        whole = fragile.certify(X, n=3000, log=tmp_path / "whole.tsv")
        seen = set()
        for calls in range(1, 36, 3):
            log = tmp_path / f"{calls}.tsv"
            stop = interrupted(fragile, log, calls, n=3000)
            assert f"of 60 rows are finished and in {log}" in stop.value.__notes__[0]
            seen.add(log.read_bytes().count(b"\n"))
            with pytest.raises(ValueError, match="is empty|of the 60 rows|has a header"):
                read_log(log)
            interrupted(fragile, log, 1, n=3000)
            assert_same_certificate(fragile.certify(X, n=3000, log=log), whole)
            assert content_of(log) == content_of(tmp_path / "whole.tsv")
            assert not (tmp_path / f"{calls}.tsv.partial").exists()
        assert len(seen) > 3  # with different numbers of finished rows

    def test_votes_inside_a_row_are_kept(self, tmp_path, fragile):
        """A single row with many draws does not begin anew."""
        log, row = tmp_path / "run.tsv", X[:1]
        other = tmp_path / "other.tsv"
        calls = count_calls(fragile, lambda: fragile.certify(row, n=200_000, log=other))
        assert calls > 20
        LEFT["calls"] = calls - 4
        with pytest.raises(Stop):
            fragile.certify(row, n=200_000, log=log)
        assert log.read_bytes() == b""
        again = count_calls(fragile, lambda: fragile.certify(row, n=200_000, log=log))
        assert again == PROBING + 4
        assert content_of(log) == content_of(other)
        # and the pieces are together what is drawn at once
        assert_same_certificate(read_log(log).certificate, fragile.certify(row, n=200_000))

    def test_a_last_line_that_is_torn(self, tmp_path, fragile):
        log = tmp_path / "run.tsv"
        whole = fragile.certify(X, n=3000, log=log)
        content, kept = log.read_bytes(), content_of(log)
        for length in (0, 1, 30, 500, 2000, 3000, len(content) - 1, content.rfind(b"\n", 0, -1)):
            log.write_bytes(content[:length])
            assert_same_certificate(fragile.certify(X, n=3000, log=log), whole)
            assert content_of(log) == kept

    def test_a_partial_file_that_is_torn(self, tmp_path, fragile):
        whole = fragile.certify(X, n=3000)
        log, partial = tmp_path / "run.tsv", tmp_path / "run.tsv.partial"
        interrupted(fragile, log, 7, n=3000)
        content, start = partial.read_bytes(), log.read_bytes()
        assert content.count(b"\n") > 2
        for length in (0, 5, content.find(b"\n"), content.find(b"\n") + 9, len(content) - 3):
            partial.write_bytes(content[:length])
            log.write_bytes(start)
            assert_same_certificate(fragile.certify(X, n=3000, log=log), whole)

    @pytest.mark.parametrize("digits", [(3, 12), (12, 3)])
    def test_answers_with_other_last_digits(self, tmp_path, fragile, monkeypatch, digits):
        monkeypatch.setattr("sksmooth.records.running._SYNC_SECONDS", 0.0)  # to forget votes soon
        whole = fragile.certify(X, n=3000)
        log, partial = tmp_path / "run.tsv", tmp_path / "run.tsv.partial"
        sketch = probed._sketch
        for number, calls in zip(digits, (7, 12), strict=True):
            monkeypatch.setattr(probed, "_sketch", lambda scores, d=number: sketch(scores).round(d))
            interrupted(fragile, log, calls, n=3000)
            head, *votes = map(json.loads, partial.read_text().splitlines())
            assert head["settings"]["probes"]["near"]["scores"]
            assert votes
        assert_same_certificate(fragile.certify(X, n=3000, log=log), whole)

    def test_a_torn_head_with_other_last_digits(self, tmp_path, fragile, monkeypatch):
        whole = fragile.certify(X, n=3000)
        log, partial = tmp_path / "run.tsv", tmp_path / "run.tsv.partial"
        interrupted(fragile, log, 7, n=3000)
        head, sketch = partial.read_bytes().splitlines()[0], probed._sketch
        monkeypatch.setattr(probed, "_sketch", lambda scores: sketch(scores).round(3))
        for length in (head.index(b'"probes"') - 1, head.index(b'"far"') - 1, len(head)):
            log.unlink()
            partial.write_bytes(head[:length])
            assert_same_certificate(fragile.certify(X, n=3000, log=log), whole)

    def test_votes_that_do_not_add_up_are_counted_again(self, tmp_path, fragile):
        row = X[:1]
        whole = fragile.certify(row, n=200_000)
        log, partial = tmp_path / "run.tsv", tmp_path / "run.tsv.partial"
        LEFT["calls"] = PROBING + 10
        with pytest.raises(Stop):
            fragile.certify(row, n=200_000, log=log)
        LEFT["calls"] = None
        head, *lines = partial.read_text().splitlines()
        line = json.loads(lines[-1])
        assert line[0] == Purpose.ESTIMATE
        line[4][0][0] += 1
        partial.write_text("\n".join([head, *lines[:-1], json.dumps(line)]) + "\n")
        assert_same_certificate(fragile.certify(row, n=200_000, log=log), whole)

    def test_another_number_of_workers_may_go_on(self, tmp_path, fragile):
        whole = fragile.certify(X, n=3000)
        interrupted(fragile, tmp_path / "run.tsv", 9, n=3000)
        fragile.set_params(batch_size=100)
        assert_same_certificate(fragile.certify(X, n=3000, log=tmp_path / "run.tsv"), whole)

    def test_the_bar_counts_what_was_done_before(self, tmp_path, fragile, monkeypatch):
        interrupted(fragile, tmp_path / "run.tsv", 20, n=3000)
        monkeypatch.setattr(sys, "stderr", Terminal())
        fragile.certify(X, n=3000, log=tmp_path / "run.tsv", verbose=1)
        assert "100%" in sys.stderr.getvalue()
        assert "60/60 rows" in sys.stderr.getvalue()


def count_calls(clf, act):
    LEFT["calls"] = 10**6
    act()
    used, LEFT["calls"] = 10**6 - LEFT["calls"], None
    return used


class TestRefused:
    def test_labels_that_are_equal_and_yet_others(self, tmp_path):
        for labels in (y, y.astype(float), y.astype(bool)):
            clf = SmoothedClassifier(GaussianNB(), method="montecarlo", random_state=0)
            clf.fit(X, labels)
            if labels is y:
                clf.certify(X, n=300, log=tmp_path / "run.tsv")
            else:
                with pytest.raises(ValueError, match="classes is"):
                    clf.certify(X, n=300, log=tmp_path / "run.tsv")

    def test_a_log_that_was_replaced_meanwhile(self, tmp_path, fragile):
        log = tmp_path / "run.tsv"

        class Mean(Fragile):
            def predict(self, X):
                if log.exists() and not (tmp_path / "old").exists():
                    os.rename(log, tmp_path / "old")
                    log.write_bytes(b"")
                return super().predict(X)

        with pytest.raises(ValueError, match="was replaced by another file"):
            smoothed(Mean()).certify(X, n=3000, log=log)

    @pytest.mark.parametrize("content", [b'{"my": "only copy"}', b"\n\nprecious", b"no json\n"])
    def test_a_partial_file_of_somebody_else(self, tmp_path, content):
        partial = tmp_path / "run.tsv.partial"
        partial.write_bytes(content)
        with pytest.raises(ValueError, match="was not written by certify"):
            smoothed(GaussianNB()).certify(X, n=500, log=tmp_path / "run.tsv")
        assert partial.read_bytes() == content

    @pytest.mark.parametrize("votes", [[2, 0, 0, [0, 0]], [2, 0, 100, [0.5, 99.5]], [2, 0, 9, [9]]])
    def test_votes_that_cannot_be_are_counted_again(self, tmp_path, fragile, votes):
        whole = fragile.certify(X, n=3000)
        interrupted(fragile, tmp_path / "run.tsv", 7, n=3000)
        partial = tmp_path / "run.tsv.partial"
        head, *lines = partial.read_text().splitlines()
        purpose, start, stop, counts = votes
        keys = json.loads(lines[0])[3]
        line = json.dumps([purpose, start, stop, keys, [counts] * len(keys)])
        partial.write_text("\n".join([head, line, *lines]) + "\n")
        assert_same_certificate(fragile.certify(X, n=3000, log=tmp_path / "run.tsv"), whole)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda clf: clf.certify(X, n=600, log=LOG[0]), r"n is 500 there and 600 here"),
            (lambda clf: clf.certify(X, n=500, n0=60, log=LOG[0]), "n0 is 100 there and 60"),
            (lambda clf: clf.certify(X, n=500, alpha=0.01, log=LOG[0]), "alpha is 0.001 there"),
            (lambda clf: clf.certify(X, n=500, bound="two-sided", log=LOG[0]), "bound is"),
            (lambda clf: clf.certify(X, n=500, radius=0.5, log=LOG[0]), "asked_radii is null"),
            (lambda clf: clf.certify(X, n=500, tol=0.2, log=LOG[0]), "settings.tol is null"),
            (lambda clf: clf.certify(X[:20], n=500, log=LOG[0]), "rows is 60 there and 20 here"),
            (lambda clf: clf.set_params(sigma=2.0).certify(X, n=500, log=LOG[0]), "sigma is 1.0"),
            (lambda clf: clf.set_params(stream="shake128").certify(X, n=500, log=LOG[0]), "stream"),
            (
                lambda clf: clf.set_params(random_state=1).fit(X, y).certify(X, n=500, log=LOG[0]),
                "seed is",
            ),
            (
                lambda clf: clf.set_params(method="exact").certify(X, n=500, log=LOG[0]),
                'method is "montecarlo" there and "exact" here',
            ),
            (
                lambda clf: clf.fit(X[:50], y[:50]).certify(X, n=500, log=LOG[0]),
                "settings.model is",
            ),
            (lambda clf: clf.certify(X[::-1], n=500, log=LOG[0]), "its rows are not those of X"),
        ],
    )
    def test_another_run(self, tmp_path, change, named):
        LOG[:] = [tmp_path / "run.tsv"]
        clf = smoothed(GaussianNB())
        clf.certify(X, n=500, log=LOG[0])
        content = LOG[0].read_bytes()
        with pytest.raises(ValueError, match=named):
            change(clf)
        assert LOG[0].read_bytes() == content

    def test_a_row_that_no_probe_lies_around(self, tmp_path):
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(300, 5))
        clf = smoothed(GaussianNB())
        clf.certify(rows, n=50, n0=10, log=tmp_path / "run.tsv")
        rows[6] += 1
        with pytest.raises(ValueError, match="Row 6 of X is not the row 6"):
            clf.certify(rows, n=50, n0=10, log=tmp_path / "run.tsv")

    def test_other_versions(self, tmp_path, monkeypatch):
        clf = smoothed(GaussianNB())
        clf.certify(X, n=500, log=tmp_path / "run.tsv")
        monkeypatch.setattr(np, "__version__", "1.99.0")
        with pytest.raises(ValueError, match=r'versions.numpy is ".*" there and "1.99.0" here'):
            clf.certify(X, n=500, log=tmp_path / "run.tsv")

    def test_partial_votes_of_another_run(self, tmp_path, fragile):
        interrupted(fragile, tmp_path / "run.tsv", 3, n=3000)
        assert (tmp_path / "run.tsv").read_bytes() == b""  # so the log does not say whose it is
        with pytest.raises(ValueError, match="n is 3000 there and 2000 here"):
            fragile.certify(X, n=2000, log=tmp_path / "run.tsv")

    @pytest.mark.parametrize("content", [b"precious\n", b"a\tb\nc\td\ne\tf\n", b"\xff\xfe", b"#\n"])
    def test_a_file_of_another_kind_is_left_alone(self, tmp_path, content):
        (tmp_path / "thesis.txt").write_bytes(content)
        with pytest.raises(ValueError, match="no log that certify could go on with"):
            smoothed(GaussianNB()).certify(X, n=500, log=tmp_path / "thesis.txt")
        assert (tmp_path / "thesis.txt").read_bytes() == content

    def test_a_log_of_write_log(self, tmp_path):
        clf = smoothed(GaussianNB())
        sksmooth.records.write_log(tmp_path / "run.tsv", clf.certify(X, n=500))
        with pytest.raises(ValueError, match="no log that certify could go on with"):
            clf.certify(X, n=500, log=tmp_path / "run.tsv")

    def test_a_line_that_was_changed(self, tmp_path):
        clf, log = smoothed(GaussianNB()), tmp_path / "run.tsv"
        clf.certify(X, n=500, log=log)
        log.write_text(log.read_text().replace("\n5\tnull", "\n6\tnull"))
        with pytest.raises(ValueError, match="line 9: expected row 5"):
            clf.certify(X, n=500, log=log)

    def test_two_writers(self, tmp_path):
        clf, log = smoothed(GaussianNB()), tmp_path / "run.tsv"
        clf.certify(X, n=500, log=log)
        identity = json.loads(log.read_text().split("\n")[1].removeprefix("# "))
        with (
            RunningLog(log, identity, 60),
            pytest.raises(BlockingIOError, match="being written by another call"),
        ):
            clf.certify(X, n=500, log=log)
        clf.certify(X, n=500, log=log)  # free again

    def test_rows_with_other_noise(self, tmp_path):
        clf, log = smoothed(GaussianNB()), tmp_path / "run.tsv"
        certificate = clf.certify(X, n=500)
        clf.certify(X, n=500, log=tmp_path / "whole.tsv")
        text = (tmp_path / "whole.tsv").read_text().split("\n")
        identity = json.loads(text[1].removeprefix("# "))
        other = with_run(certificate, noise=FloatGaussian(1.0))
        del identity["noise"]
        with RunningLog(log, identity, 120) as running:
            running.append(certificate, ["k"] * 60, 1.0)
            with pytest.raises(ValueError, match="have other noise than those in"):
                running.append(other, ["k"] * 60, 1.0)

    def test_a_model_that_cannot_be_named(self, tmp_path):
        clf = smoothed(GaussianNB())
        with (
            open(tmp_path / "open", "w") as clf.estimator_.file_,
            pytest.raises(ValueError, match="inside the model cannot be read as data"),
        ):
            clf.certify(X, n=500, log=tmp_path / "run.tsv")
        assert not (tmp_path / "run.tsv").exists()


LOG: list[pathlib.Path] = []

_SCRIPT = textwrap.dedent("""
    import os
    import sys
    from sklearn.datasets import load_digits
    from sklearn.naive_bayes import GaussianNB
    from sksmooth import SmoothedClassifier
    from sksmooth.estimators import jobs
    from sksmooth.records import running
    from sksmooth.sampling import sampler

    jobs._GROUP_DRAWS, running._NOTE_SECONDS = 30_000, 0.0
    sampler._PIECE_DRAWS, sampler._PIECE_VALUES = (512, 2**12), 2**15
    X, y = load_digits(return_X_y=True)
    clf = SmoothedClassifier(GaussianNB(), sigma=2.0, method="montecarlo", random_state=0)
    clf.fit(X, y)
    print("ready", flush=True)
    while log := sys.stdin.readline():
        pid = os.fork()  # a new process without the seconds that imports take
        if not pid:
            clf.certify(X[:16], n=10_000, log=log.strip())
            os._exit(0)
        print(pid, flush=True)
        sys.stdin.readline()  # until then there is a process of this number, dead or alive
        print(os.waitpid(pid, 0)[1], flush=True)
""")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork and no SIGKILL")
def test_killed_at_any_moment(tmp_path):
    """The process is killed again and again; no row is lost or doubled, and no bit differs."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", _SCRIPT]
    with subprocess.Popen(command, text=True, env=environment, **pipes) as starter:

        def run(log, seconds=None):
            """Let a process certify; kill it after some seconds. Was it killed?"""
            print(log, file=starter.stdin, flush=True)
            pid = int(starter.stdout.readline())
            if seconds is not None:
                time.sleep(seconds)
                os.kill(pid, signal.SIGKILL)
            print(file=starter.stdin, flush=True)
            status = int(starter.stdout.readline())
            assert status in (0, signal.SIGKILL)
            return status != 0

        assert starter.stdout.readline() == "ready\n"
        begin = time.monotonic()
        run(tmp_path / "whole.tsv")
        seconds, rng = time.monotonic() - begin, np.random.default_rng(0)
        whole, kills, number, lengths = content_of(tmp_path / "whole.tsv"), 0, 0, set()
        while kills < 20:
            log, number = tmp_path / f"{number}.tsv", number + 1
            while kills < 20 and run(log, rng.uniform(0, 0.6) * seconds):
                kills += 1
                lengths.add(log.stat().st_size if log.exists() else 0)
            run(log)
            assert content_of(log) == whole
        assert {path.name for path in tmp_path.iterdir()} == {
            "whole.tsv",
            *(f"{i}.tsv" for i in range(number)),
        }
        assert len(lengths) > 3  # it was killed in the middle of logs, and at different places
        starter.stdin.close()


@pytest.mark.parametrize("logged", [False, True])
def test_messages_number_the_rows_of_the_user(tmp_path, monkeypatch, logged):
    torch, nets = pytest.importorskip("torch"), pytest.importorskip("sksmooth.nets")

    class Fails(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, X):
            return self.scale * torch.log(1e5 - X[:, :2])  # of a negative number

    monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 2000)
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 4 * 5 * 7)
    rows = np.memmap(tmp_path / "rows", dtype=np.float32, mode="w+", shape=X.shape)
    rows[:] = X
    rows[40, 1] = 1e6
    clf = SmoothedClassifier(nets.frozen_net(Fails()), sigma=1.0, random_state=0).fit(rows, y)
    options = {"log": tmp_path / "run.tsv"} if logged else {}
    with pytest.raises(ValueError, match="copies of row 40 "):
        clf.certify(rows, n=500, **options)
    with pytest.raises(ValueError, match="copies of row 40 "):
        clf.predict(rows)
