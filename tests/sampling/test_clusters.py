"""Workers that are processes, here or on a cluster: what they are sent, and what if they die."""

import contextlib
import os
import pathlib
import pickle
import signal
import threading
import time
from collections import Counter

import cluster_bases
import joblib
import numpy as np
import pytest
from cluster_bases import (
    ByItsProcess,
    Deadly,
    Forgetful,
    LosesMethods,
    Traced,
    Unloadable,
    WithLargeArray,
)
from helpers import Halfspace, blobs
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.noise import IntegerGaussian
from sksmooth.noise.streams import Purpose, block_rows
from sksmooth.sampling import count as sampling
from sksmooth.sampling import parallel as workers
from sksmooth.sampling.count import count_votes

X, Y = blobs(12, seed=1)
N = 3000
LIMIT = 120  # seconds: a wait for a worker that will never answer is a failure


@pytest.fixture(autouse=True)
def _deadline():
    def give_up(*_):
        raise AssertionError(f"no answer after {LIMIT} seconds")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=["loky", "dask"])
def processes(request):
    """Two workers that are processes, as a context."""
    if request.param == "dask":
        request.getfixturevalue("client").wait_for_workers(2, timeout=LIMIT)
        yield joblib.parallel_config(backend="dask")
    else:
        yield joblib.parallel_config(backend="loky", n_jobs=2)


@pytest.fixture
def dask(client):
    client.wait_for_workers(2, timeout=LIMIT)
    return joblib.parallel_config(backend="dask")


def count(model, rows=X, n=N, **options):
    backend = get_backend(model, np.arange(len(model.classes_)))
    defaults = {
        "noise": IntegerGaussian(1.5, rows.shape[1]),
        "seed": bytes(range(16)),
        "purpose": Purpose.ESTIMATE,
    }
    return count_votes(backend, rows, n, **(defaults | options))


def alone(model, rows=X, n=N):
    """Counts of this process, without any workers."""
    return count(model, rows, n, n_jobs=1)


def notes(folder, kind):
    """How often something was noted, by the process that did."""
    names = [path.name.split("-") for path in pathlib.Path(folder).iterdir()]
    return Counter(int(name[1]) for name in names if name[0] == kind)


def inner_jobs(folder):
    """How many workers the model would have had for itself, where it was asked."""
    return {path.name.split("-")[2] for path in folder.iterdir() if path.name.startswith("asked")}


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), RandomForestClassifier(10, max_depth=3, random_state=0)],
    ids=lambda m: type(m).__name__,
)
def test_counts_are_those_of_one_process(model, processes):
    rows, y = blobs(40, d=5, k=3)
    model.fit(rows, y)
    with processes:
        counts = count(model, rows[:7])
        one = count(model, rows[:1], 10 * block_rows(5))
        told = []
        assert np.array_equal(count(model, rows[:7], report=told.append), counts)
    assert np.array_equal(counts, alone(model, rows[:7]))
    assert np.array_equal(one, alone(model, rows[:1], 10 * block_rows(5)))
    assert sum(told) == 7 * N


def test_a_whole_certificate(dask):
    base = RandomForestClassifier(10, max_depth=3, random_state=0)
    clf = SmoothedClassifier(base, n=2000, method="montecarlo", random_state=0).fit(X, Y)
    here = clf.certify(X)
    with dask:
        there = clf.certify(X)
        labels = clf.predict(X)
    assert np.array_equal(there.counts, here.counts)
    assert np.array_equal(there.radii, here.radii)
    assert np.array_equal(labels, clf.predict(X))


def test_a_search_on_the_cluster_may_certify(dask):
    """Its tasks hand out work themselves, and must not keep the workers that they wait for."""
    base = RandomForestClassifier(5, max_depth=3, random_state=0)
    clf = SmoothedClassifier(base, n_predict=500, method="montecarlo", random_state=0)
    here = cross_val_score(clf, X, Y, cv=3)
    with dask:
        assert np.array_equal(cross_val_score(clf, X, Y, cv=3), here)


def test_one_row_is_shared_and_the_model_goes_to_each_worker_once(processes, tmp_path):
    model = Traced(str(tmp_path), delay=0.05).fit(X, Y)
    n = 8 * block_rows(2)
    with processes:
        first = count(model, X[:1], n)
        second = count(model, X[1:2], n)
    asked = notes(tmp_path, "asked")
    assert asked.pop(os.getpid()) == 2 * 3  # what workers must answer too, and whether it repeats
    assert len(asked) == 2
    # unpickled once by each worker for both calls; pickled once a call, not once a task
    assert notes(tmp_path, "unpickled") == dict.fromkeys(asked, 1)
    assert notes(tmp_path, "pickled") == {os.getpid(): 2}
    assert inner_jobs(tmp_path) == {"1"}
    assert np.array_equal(np.concatenate([first, second]), alone(model, X[:2], n))


@contextlib.contextmanager
def turned(by, monkeypatch, tmp_path):
    """Change something of this process alone."""
    (tmp_path / "turned").mkdir()
    with monkeypatch.context() as patch, np.errstate():
        if by == "environment":
            patch.setenv("SKSMOOTH_TEST_TURNED", "1")
        elif by == "directory":
            patch.chdir(tmp_path / "turned")
        elif by == "numpy":
            np.seterr(over="raise")
        elif by == "global":
            patch.setattr(cluster_bases, "TURNED", [True])
        else:
            patch.setattr(ByItsProcess, "turned", True)
        yield


@pytest.mark.parametrize("by", ["environment", "directory", "numpy", "global", "class"])
def test_a_process_that_answers_otherwise_is_refused(processes, monkeypatch, tmp_path, by):
    model = ByItsProcess().fit(X, Y)
    expected = alone(model)
    with processes:
        assert np.array_equal(count(model), expected)  # now there are workers
        with (
            turned(by, monkeypatch, tmp_path),
            pytest.raises(RuntimeError, match="another process does not answer as this one.*rows"),
        ):
            count(model)
        assert np.array_equal(count(model), expected)  # and no word of the other ones is left


def test_a_copy_that_answers_by_ties_is_refused(processes):
    """Rounding may part two answers only where both are close to a tie."""
    model = Forgetful().fit(X, Y)
    message = "another process does not answer as this one.*rows"
    with processes, pytest.raises(RuntimeError, match=message):
        count(model)


def rarely_otherwise(model):
    """One answer of two thousand or so is another one: too few to be among those of a trial."""
    plain = model.predict
    model.predict = lambda X: np.where(np.abs(X[:, 1] - 2) < 1e-4, Y[0], plain(X))
    return model


def test_a_copy_without_the_methods_that_were_set_is_refused(processes):
    with processes, pytest.raises(RuntimeError, match="lost predict of LosesMethods"):
        count(rarely_otherwise(LosesMethods().fit(X, Y)))


def test_one_thread_asks_a_model_whose_copies_lose_methods():
    model = rarely_otherwise(LosesMethods().fit(X, Y))
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.warns(UserWarning, match="lost predict of LosesMethods"),
    ):
        counts = count(model)
    assert np.array_equal(counts, alone(model))


def test_a_forked_process_answers_as_the_one_that_it_was(monkeypatch, tmp_path):
    model = ByItsProcess().fit(X, Y)
    with (
        turned("environment", monkeypatch, tmp_path),
        joblib.parallel_config(backend="multiprocessing", n_jobs=2),
    ):
        assert np.array_equal(count(model), alone(model))


def test_each_thread_has_a_model_of_its_own(tmp_path):
    model = Traced(str(tmp_path)).fit(X, Y)
    with joblib.parallel_config(backend="threading", n_jobs=3):
        count(model)
    assert set(notes(tmp_path, "asked")) == {os.getpid()}
    assert notes(tmp_path, "pickled") == {os.getpid(): 2}  # one thread has the original


@pytest.mark.parametrize("n", [1, 10 * block_rows(2)], ids=["not handed out", "handed out"])
def test_the_workers_are_for_the_votes(tmp_path, n):
    """Not for the model: a forest's sums would depend on which of its trees is done first."""
    model = Traced(str(tmp_path)).fit(X, Y)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        count(model, X[:1], n)
    assert inner_jobs(tmp_path) == {"1"}


def test_a_model_that_changed_is_not_answered_by_the_old_one(processes):
    model = Halfspace(w=[1.0, 0.0]).fit(X, Y)
    with processes:
        before = count(model)
        model.w[:] = [0.0, 1.0]  # the same object
        after = count(model)
        model.w[:] = [1.0, 0.0]
        again = count(model)
    assert np.array_equal(before, again)
    assert np.array_equal(after, alone(Halfspace(w=[0.0, 1.0]).fit(X, Y)))
    assert not np.array_equal(before, after)


def test_large_arrays(processes):
    one, other = (WithLargeArray(w).fit(X, Y) for w in ((1.0, 0.0), (0.0, 1.0)))
    assert one.table_.nbytes > workers._APART
    with processes:
        counts = [count(model, X[:4], 500) for model in (one, other)]
    assert np.array_equal(counts[0], alone(one, X[:4], 500))
    assert np.array_equal(counts[1], alone(other, X[:4], 500))
    assert not np.array_equal(*counts)


def test_a_class_of_a_notebook(processes):
    class Local(Halfspace):
        def predict(self, X):
            rule = lambda x: x[:, 1] > 0  # noqa: E731
            return rule(X).astype(int)

    model = Local().fit(X, Y)
    with processes:
        assert np.array_equal(count(model), alone(model))


def test_a_model_that_cannot_be_pickled(processes):
    model = Halfspace().fit(X, Y)
    model.lock_ = threading.Lock()
    with processes, pytest.raises(pickle.PicklingError, match=r"lock.*backend='threading'"):
        count(model)
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.warns(UserWarning, match=r"one thread only.*cannot be copied .*lock"),
    ):
        assert np.array_equal(count(model), alone(model))


def test_a_model_that_workers_cannot_load(processes):
    model = Unloadable().fit(X, Y)
    with processes, pytest.raises(RuntimeError, match=r"cannot load .*'only_here'"):
        count(model)


@contextlib.contextmanager
def killed(folder, number=1):
    """Kill so many processes, at once, when they have noted that the model was asked."""
    stop, victims = threading.Event(), []

    def watch():
        while not stop.is_set():
            found = [pid for pid in notes(folder, "asked") if pid != os.getpid()]
            if len(found) >= number:
                victims.extend(found[:number])
                break
            time.sleep(0.01)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield victims
    finally:
        stop.set()
        thread.join()


def test_dask_does_the_work_of_a_killed_worker_again(dask, tmp_path):
    model = Traced(str(tmp_path), delay=0.2).fit(X, Y)
    with dask, killed(tmp_path) as victims:
        counts = count(model)
    assert len(victims) == 1
    assert len(notes(tmp_path, "asked")) >= 2
    assert np.array_equal(counts, alone(model))


def test_dask_gets_the_model_again_when_all_that_held_it_were_killed(dask, tmp_path):
    model = Traced(str(tmp_path), delay=0.2).fit(X, Y)
    with dask, killed(tmp_path, 2) as victims:
        counts = count(model)
    assert len(victims) == 2
    assert not set(victims) >= set(notes(tmp_path, "asked")) - {os.getpid()}  # others were asked
    assert np.array_equal(counts, alone(model))


def test_work_that_was_cancelled_is_not_begun_again(dask, client, tmp_path, monkeypatch):
    model, real, asked = Traced(str(tmp_path), delay=0.2).fit(X, Y), client.submit, []

    def submit(*args, **options):
        asked.append(args[-1])
        future = real(*args, **options)
        threading.Timer(0.1, client.cancel, [[future]]).start()
        return future

    monkeypatch.setattr(client, "submit", submit)
    with dask, pytest.raises(RuntimeError, match="or it was cancelled"):
        count(model)
    assert len(asked) == len(set(map(id, asked))) > 0


def test_loky_says_that_a_worker_was_killed(tmp_path):
    """At the first that dies: it does not try again, so a base that kills all ends here too."""
    model = Traced(str(tmp_path), delay=0.2).fit(X, Y)
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        killed(tmp_path) as victims,
        pytest.raises(TerminatedWorkerError, match="SIGKILL"),
    ):
        count(model)
    assert len(victims) == 1


def test_what_dask_has_lost_is_sent_again(dask, client):
    model = Halfspace().fit(X, Y)
    with dask:
        counts = count(model)
        held = workers._sent[2]
        assert np.array_equal(count(model), counts)
        assert workers._sent[2] is held  # not sent twice
        client.cancel([held])
        assert np.array_equal(count(model), counts)
        assert workers._sent[2] is not held


# the last on this cluster: it leaves no workers
def test_dask_gives_up_a_base_that_kills_every_worker(dask, client, tmp_path):
    distributed = pytest.importorskip("distributed")
    model = Deadly(str(tmp_path)).fit(X, Y)
    client.cluster.scheduler.allowed_failures = 0
    lost = "all workers that held the model have died"
    with (
        dask,
        pytest.raises((distributed.KilledWorker, RuntimeError), match=f"{lost}|workers died while"),
    ):
        count(model)


@pytest.mark.parametrize("change", [lambda r: r[1:], lambda r: [*r, r[0]]], ids=["lost", "twice"])
def test_work_that_is_lost_or_done_twice_is_noticed(monkeypatch, change):
    hand_out = sampling.hand_out
    monkeypatch.setattr(sampling, "hand_out", lambda *a, **k: change(list(hand_out(*a, **k))))
    model = Halfspace().fit(X, Y)
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.raises(RuntimeError, match="lost or done twice"),
    ):
        count(model)


class TestParcels:
    def test_round_trip(self, monkeypatch):
        monkeypatch.setattr(workers, "_APART", 1000)
        model = {"large": np.arange(500.0), "small": np.arange(5.0), "text": "t"}
        parcel = workers.pack(model)
        assert [array.nbytes for array in parcel.arrays] == [4000]
        assert parcel.content.nbytes < 1000
        again = workers.unpack(parcel)
        assert np.array_equal(again["large"], model["large"])
        assert np.array_equal(again["small"], model["small"])
        assert again["text"] == "t"

    @pytest.mark.parametrize("limit", [10, 10**6])
    def test_a_name_for_each_content(self, monkeypatch, limit):
        monkeypatch.setattr(workers, "_APART", limit)
        arrays = [np.zeros(100), np.zeros(101), np.eye(10), np.r_[np.zeros(99), 1e-300]]
        digests = [workers.pack(array).digest for array in arrays]
        assert len(set(digests)) == len(arrays)
        assert workers.pack(np.zeros(100)).digest == digests[0]
        # one array cut at another place
        first, second = ([np.zeros(i), np.zeros(50 - i)] for i in (20, 30))
        assert workers.pack(first).digest != workers.pack(second).digest

    def test_the_latest_is_kept_by_each_thread(self):
        parcels = [workers.pack([i]) for i in range(2)]
        first = workers.unpack(parcels[0])
        assert workers.unpack(parcels[0]) is first
        assert workers.unpack(workers.pack([0])) is first  # the same content
        others = []
        thread = threading.Thread(target=lambda: others.append(workers.unpack(parcels[0])))
        thread.start()
        thread.join()
        assert others == [first]
        assert others[0] is not first
        assert workers.unpack(parcels[1]) == [1]
        assert workers.unpack(parcels[0]) is not first  # one at a time


def test_ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    model = LogisticRegression().fit(X, Y)
    expected = alone(model)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=2):
            assert np.array_equal(count(model), expected)
    finally:
        ray.shutdown()
