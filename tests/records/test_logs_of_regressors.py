"""Logs of regressors: the same results, gone on with after a death, and refused if they differ."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from sksmooth import SmoothedRegressor
from sksmooth.records import Record, join_logs, read_log, write_log
from sksmooth.records.running import RunningLog

X, y = load_diabetes(return_X_y=True)
ROWS, TRUTH = X[:12], y[:12]


class Bent(RegressorMixin, BaseEstimator):
    """Of no known kind."""

    def __init__(self, slope=1000.0):
        self.slope = slope

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.abs(self.slope * X[:, 0]) + 100 * np.floor(30 * X[:, 2])


QUESTIONS = {
    "bounds": lambda reg, **o: reg.certify_interval(ROWS, 0.01, **o),
    "several": lambda reg, **o: reg.certify_interval(ROWS, [0.0, 0.01], **o),
    "within": lambda reg, **o: reg.certify(ROWS, within=80.0, **o),
    "decided": lambda reg, **o: reg.certify(
        ROWS, interval=(TRUTH - 200, np.inf), radius=[0.002, 0.01], **o
    ),
}


@pytest.fixture
def small(monkeypatch):
    """Groups of three rows, and a note in the journal at once."""
    monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 3 * 2100)
    monkeypatch.setattr("sksmooth.records.running._NOTE_SECONDS", -1.0)
    monkeypatch.setattr("sksmooth.sampling.sampler._PIECE_DRAWS", (1024, 1024))


def smoothed(base):
    return SmoothedRegressor(base, 0.02, n=2000, n0=100, batch_size=256, random_state=0).fit(X, y)


@pytest.fixture(scope="module", params=[Ridge(), Bent()], ids=["exact", "drawn"])
def reg(request):
    return smoothed(request.param)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_log_holds_the_same_results(reg, name, small, tmp_path):
    ask, path = QUESTIONS[name], tmp_path / "log.tsv"
    plain = ask(reg)
    assert ask(reg, log=path, y=TRUTH).equals(plain)
    record = read_log(path, rows=12)
    assert record.certificate.equals(plain)
    assert np.array_equal(record.y_true, TRUTH)
    answers = plain.predictions if "within" in name or name == "decided" else plain.prediction
    assert np.array_equal(record.y_pred, answers)
    assert np.all(record.seconds >= 0)
    before = path.read_bytes()
    assert ask(reg, log=path, y=TRUTH).equals(plain)  # nothing is left to do
    assert path.read_bytes() == before
    other = tmp_path / "written.tsv"
    write_log(other, plain, y_true=TRUTH, seed=False)
    assert read_log(other).certificate.equals(plain)
    assert reg._seed.hex() not in other.read_text()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_run_that_died_goes_on(name, small, tmp_path, monkeypatch):
    """Each try dies after two pieces of counting, within a group of rows, and loses neither."""
    ask, path = QUESTIONS[name], tmp_path / "log.tsv"
    reg = smoothed(Bent())
    plain = ask(reg)
    note, find, noted, found = RunningLog.note, RunningLog.find, [], []

    def dying(log, *args):
        note(log, *args)
        noted.append(args)
        if len(noted) % 2 == 0:
            raise KeyboardInterrupt

    def looking(log, *args):
        found.append(find(log, *args))
        return found[-1]

    monkeypatch.setattr(RunningLog, "note", dying)
    monkeypatch.setattr(RunningLog, "find", looking)
    logged, deaths = None, 0
    while logged is None:
        try:
            logged = ask(reg, log=path)
        except KeyboardInterrupt:
            deaths += 1
    assert deaths > 1
    assert logged.equals(plain)
    assert sum(part is not None for part in found) > 0
    draws = [(keys, start) for _, keys, start, _, _ in noted]
    assert len(draws) == len({(tuple(keys), start) for keys, start in draws})  # none twice
    assert not path.with_name("log.tsv.partial").exists()


def test_rows_that_are_finished_are_read_from_a_log_that_grows(small, tmp_path):
    path, reg = tmp_path / "log.tsv", smoothed(Bent())
    plain = reg.certify(ROWS, within=80.0, log=path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8]) + lines[8][:7])
    record = read_log(path, partial=True)
    assert record.certificate.equals(plain[:5])
    with pytest.raises(ValueError, match="does not end"):
        read_log(path)
    assert reg.certify(ROWS, within=80.0, log=path).equals(plain)


@pytest.mark.parametrize(
    ("again", "what"),
    [
        (lambda reg, log: reg.certify(ROWS, within=81.0, log=log), "within"),
        (lambda reg, log: reg.certify(ROWS, interval=(0, 300), log=log), "interval"),
        (lambda reg, log: reg.certify(ROWS, n=1999, within=80.0, log=log), "n is 2000 there"),
        (lambda reg, log: reg.certify(ROWS, within=80.0, radius=0.01, log=log), "asked_radii"),
        (lambda reg, log: reg.certify_interval(ROWS, 0.01, log=log), "what is"),
        (lambda reg, log: reg.certify(ROWS[::-1], within=80.0, log=log), "rows are not those of X"),
        (lambda reg, log: reg.certify(ROWS, within=80.0, y=TRUTH, log=log), "Pass the same y"),
        (lambda reg, log: smoothed(Bent(999.0)).certify(ROWS, within=80.0, log=log), "model"),
    ],
)
def test_another_run_does_not_go_on(again, what, small, tmp_path):
    path, reg = tmp_path / "log.tsv", smoothed(Bent())
    reg.certify(ROWS, within=80.0, log=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=what):
        again(reg, path)
    assert path.read_bytes() == before


def test_intervals_with_the_same_numbers_in_other_places_are_others(tmp_path):
    path, reg = tmp_path / "log.tsv", smoothed(Bent())
    one = reg.certify(ROWS[:2], interval=(0.0, [100.0, 200.0]), log=path)
    with pytest.raises(ValueError, match="interval"):
        reg.certify(ROWS[:2], interval=([0.0, 100.0], 200.0), log=path)
    again = reg.certify(ROWS[:2], interval=([0.0, 0.0], [100.0, 200.0]), log=path)
    assert again.equals(one)


def test_a_model_that_answers_otherwise_is_known_by_its_answers(tmp_path, monkeypatch):
    path, reg = tmp_path / "log.tsv", smoothed(Bent())
    reg.certify(ROWS, within=80.0, log=path)
    predict = Bent.predict
    monkeypatch.setattr(Bent, "predict", lambda self, X: predict(self, X) + 2.0 * (X[:, 1] > 0))
    monkeypatch.setattr("sksmooth.estimators.logged.fingerprint", lambda *_: found)
    found = read_log(path).settings["model"]
    with pytest.raises(ValueError, match="its model answers otherwise"):
        reg.certify(ROWS, within=80.0, log=path)


def test_a_log_that_was_changed_is_refused(tmp_path):
    path, reg = tmp_path / "log.tsv", smoothed(Bent())
    reg.certify(ROWS, within=80.0, log=path)
    lines = path.read_text().splitlines(keepends=True)
    names = lines[2].split()
    for name, change in {
        "radius": lambda cell: str(float(cell) + 0.001),
        "counts": lambda cell: str([0, 2000, 1]),
        "p_lower": lambda cell: "0.9999",
        "lower": lambda cell: "1e9",
        "idx": lambda cell: "1.5",
    }.items():
        cells = lines[5].split("\t")
        cells[names.index(name)] = change(cells[names.index(name)])
        path.write_text("".join([*lines[:5], "\t".join(cells), *lines[6:]]))
        with pytest.raises(ValueError, match=r"line 6(: (?!the settings)|,)"):
            read_log(path)
    path.write_text("".join(lines))
    assert len(read_log(path)) == 12


def test_logs_of_shards_are_joined(tmp_path):
    reg = smoothed(Ridge())
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(ROWS)
    for shard in (0, 1):
        reg.certify(frame[shard::2].reset_index(drop=True), within=30.0, log=tmp_path / f"{shard}")
    parts = [read_log(tmp_path / f"{shard}") for shard in (0, 1)]
    with pytest.raises(ValueError, match="Row 0 is in"):
        join_logs([tmp_path / "0", tmp_path / "1"])
    numbered = [
        Record(r.y_true, r.y_pred, r.certificate, 2 * r.index + shard, r.seconds, r.settings)
        for shard, r in enumerate(parts)
    ]
    whole = reg.certify(ROWS, within=30.0)
    # a product of matrices rounds otherwise for another number of rows
    assert np.allclose(join_logs(numbered).certificate.radii, whole.radii, rtol=1e-12)


@pytest.mark.parametrize("base", [Ridge(), Bent()])
def test_shards_with_an_interval_for_each_row_are_joined(tmp_path, base):
    pd = pytest.importorskip("pandas")
    reg, frame = smoothed(base), pd.DataFrame(ROWS)
    whole = reg.certify(ROWS, interval=(TRUTH - 60, TRUTH + 60))
    for shard in (0, 1):
        ends = TRUTH[shard::2] - 60, TRUTH[shard::2] + 60
        reg.certify(frame[shard::2], interval=ends, log=tmp_path / f"{shard}")
    joined = join_logs([tmp_path / "0", tmp_path / "1"]).certificate
    assert np.array_equal(joined.lower, whole.lower)
    assert np.allclose(joined.radii, whole.radii, rtol=1e-12)


def test_radii_and_bounds_are_not_joined(tmp_path):
    reg = smoothed(Ridge())
    records = [
        Record.of(reg.certify(ROWS[:2], within=9.0)),
        Record.of(reg.certify_interval(ROWS[2:4], 0.1), index=[2, 3]),
    ]
    with pytest.raises(ValueError, match="has a RegressionCertificate, and Record 1 a Prediction"):
        join_logs(records)


def test_labels_without_a_log_and_formats_of_classes_are_refused(tmp_path):
    reg = smoothed(Ridge())
    with pytest.raises(ValueError, match="pass log= too"):
        reg.certify(ROWS, within=1.0, y=TRUTH)
    with pytest.raises(ValueError, match=r"such as \['151.0'\], but answers are numbers"):
        reg.certify(ROWS, within=1.0, log=tmp_path / "b", y=TRUTH.astype(str))
    with pytest.raises(ValueError, match="'cohen' for certificates of classes"):
        write_log(tmp_path / "a", reg.certify(ROWS, within=1.0), y_true=TRUTH, format="cohen")
