"""Labels, seconds and row numbers in logs; the authors' format; shards; logs that grow."""

import dataclasses
import datetime
import json
import math
import pathlib

import numpy as np
import pytest
from helpers import assert_same_certificate, blobs
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.records import Record, join_logs, read_log, write_log

X, y = blobs(60, d=5)
HEADER = "idx\tlabel\tpredict\tradius\tcorrect\ttime"


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(GaussianNB(), 1.0, method="montecarlo", random_state=0).fit(X, y)


class TestLabels:
    @pytest.mark.parametrize("base", [GaussianNB(), DecisionTreeClassifier()])
    @pytest.mark.parametrize("kind", [np.int64, np.int32, str, bool])
    def test_they_are_read_back(self, base, kind, tmp_path):
        labels = y.astype(kind)
        clf = SmoothedClassifier(base, 1.0, random_state=0).fit(X, labels)
        certificate = clf.certify(X, n=500, log=tmp_path / "a.tsv", y=labels)
        record = read_log(tmp_path / "a.tsv")
        assert record.y_true.dtype == labels.dtype
        assert np.array_equal(record.y_true, labels)
        assert_same_certificate(record.certificate, certificate)
        assert_same_certificate(certificate, clf.certify(X, n=500))

    def test_a_run_that_goes_on_has_the_same_ones(self, clf, tmp_path):
        log = tmp_path / "a.tsv"
        clf.certify(X, n=500, log=log, y=y)
        whole = log.read_bytes()
        log.write_bytes(b"\n".join(whole.split(b"\n")[:10]) + b"\n")
        with pytest.raises(ValueError, match="true label . for row 0, and y has null"):
            clf.certify(X, n=500, log=log)
        other = np.where(np.arange(60) == 3, 1 - y, y)
        with pytest.raises(ValueError, match=f"true label {y[3]} for row 3, and y has {1 - y[3]}"):
            clf.certify(X, n=500, log=log, y=other)
        clf.certify(X, n=500, log=log, y=y.tolist())
        assert np.array_equal(read_log(log).y_true, y)

    @pytest.mark.parametrize("kind", [object, str, bool, np.float32])
    def test_a_run_goes_on_with_labels_of_any_kind(self, kind, tmp_path):
        labels = y.astype(str).astype(object) if kind is object else y.astype(kind)
        clf = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(X, labels)
        log = tmp_path / "a.tsv"
        certificate = clf.certify(X[:20], n=50, log=log, y=labels[:20])
        log.write_bytes(b"\n".join(log.read_bytes().split(b"\n")[:10]) + b"\n")
        assert clf.certify(X[:20], n=50, log=log, y=labels[:20]).equals(certificate)
        assert read_log(log).y_true.tolist() == labels[:20].tolist()

    def test_none_cannot_be_added_later(self, clf, tmp_path):
        clf.certify(X, n=500, log=tmp_path / "a.tsv")
        with pytest.raises(ValueError, match="true label null for row 0"):
            clf.certify(X, n=500, log=tmp_path / "a.tsv", y=y)

    def test_what_they_must_be(self, clf, tmp_path):
        with pytest.raises(ValueError, match="y is noted in a log, and there is none: pass log="):
            clf.certify(X, n=500, y=y)
        with pytest.raises(ValueError, match="y has 59 labels for 60 rows"):
            clf.certify(X, n=500, log=tmp_path / "a.tsv", y=y[1:])
        with pytest.raises((ValueError, TypeError), match="label"):
            clf.certify(X, n=500, log=tmp_path / "a.tsv", y=y.astype(str))

    def test_seconds_of_the_rows_add_up_to_the_calls(self, tmp_path):
        """A base that sleeps: its time is the log's."""
        import time

        class Slow(GaussianNB):
            def predict(self, X):
                time.sleep(0.02)
                return super().predict(X)

        slow = SmoothedClassifier(Slow(), 1.0, n=200, shortcuts=None, random_state=0).fit(X, y)
        begin = time.monotonic()
        slow.certify(X[:4], log=tmp_path / "a.tsv")
        taken = time.monotonic() - begin
        seconds = read_log(tmp_path / "a.tsv").seconds
        assert seconds.shape == (4,)
        assert 0.02 < seconds.sum() < taken


class TestDataSets:
    def test_labels_and_numbers_of_a_subset(self, clf, tmp_path):
        torch = pytest.importorskip("torch")
        from torch.utils.data import Subset, TensorDataset

        whole = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
        rows = Subset(Subset(whole, range(0, 60, 2)), [3, 1, 29])
        clf.certify(rows, n=500, log=tmp_path / "a.tsv")
        record = read_log(tmp_path / "a.tsv")
        assert record.index.tolist() == [6, 2, 58]
        assert record.y_true.tolist() == y[[6, 2, 58]].tolist()
        assert_same_certificate(record.certificate, clf.certify(X[[6, 2, 58]], n=500))
        given = 1 - y[[6, 2, 58]]
        clf.certify(rows, n=500, log=tmp_path / "b.tsv", y=given)
        assert np.array_equal(read_log(tmp_path / "b.tsv").y_true, given)

    def test_items_without_labels(self, clf, tmp_path):
        torch = pytest.importorskip("torch")
        from torch.utils.data import TensorDataset

        clf.certify(TensorDataset(torch.from_numpy(X)), n=500, log=tmp_path / "a.tsv")
        record = read_log(tmp_path / "a.tsv")
        assert record.y_true is None
        assert record.index.tolist() == list(range(60))

    @pytest.mark.parametrize(
        ("index", "expected"),
        [
            ([7, 5, 900], [7, 5, 900]),
            ([7, 5, 7], [0, 1, 2]),
            (["a", "b", "c"], [0, 1, 2]),
            ([0.5, 1.0, 2.0], [0, 1, 2]),
            (np.array([2**63, 2**63 + 1, 5], np.uint64), [0, 1, 2]),  # as of hashes
            (np.array([2**63 - 1, 5, 6], np.uint64), [2**63 - 1, 5, 6]),
        ],
    )
    def test_numbers_of_a_frame(self, index, expected, tmp_path):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X, columns=list("abcde"))
        clf = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(frame, y)
        clf.certify(frame[:3].set_axis(index), n=500, log=tmp_path / "a.tsv")
        assert read_log(tmp_path / "a.tsv").index.tolist() == expected


class TestTheirFormat:
    @pytest.mark.parametrize("noise", ["0.12", "0.25", "0.50", "1.00"])
    def test_a_published_log_is_written_as_it_was(self, noise, data_folder, tmp_path):
        """Bit for bit but for the time, which they have in seconds, and their script as a date."""
        folder = data_folder / "locuslab_logs/certify/cifar10/resnet110"
        path = folder / f"noise_{noise}/test/sigma_{noise}"
        write_log(tmp_path / "sigma_1", read_log(path, alpha=0.01), format="cohen")

        def columns(path):
            return [line.split("\t")[:5] for line in path.read_text().split("\n")]

        assert columns(tmp_path / "sigma_1") == columns(path)

    def test_as_their_script_prints(self, clf, tmp_path):
        """Their line of certify.py, but radii are never rounded up."""
        certificate = clf.certify(X, n=500)
        record = dataclasses.replace(
            Record.of(certificate, y_true=y, index=np.arange(60) * 20),
            seconds=np.linspace(0, 1e5, 60),
        )
        path = tmp_path / "sigma_1.0"
        write_log(path, record, format="cohen")
        head, *lines, end = path.read_text().split("\n")
        assert (head, end) == (HEADER, "")
        assert len(lines) == 60
        rounded = 0
        for i, line in enumerate(lines):
            prediction = -1 if certificate.abstained[i] else certificate.labels[i]
            radius, shown = certificate.radii[i], line.split("\t")[3]
            theirs = f"{radius:.3}"
            assert float(shown) <= radius < float(shown) + 0.01
            if float(theirs) <= radius:
                assert shown == theirs
            else:
                rounded += 1
            took = str(datetime.timedelta(seconds=record.seconds[i]))
            expected = f"{20 * i}\t{y[i]}\t{prediction}\t{shown}\t{int(prediction == y[i])}\t{took}"
            assert line == expected
        assert 0 < rounded < 60
        back = read_log(path, n=500)
        assert np.array_equal(back.certificate.abstained, certificate.abstained)
        assert np.allclose(back.seconds, record.seconds, atol=1e-6)

    @pytest.mark.parametrize(
        ("radius", "text"),
        [
            *[(0.0, "0.0"), (1.0, "1.0"), (0.37899, "0.378"), (1.239, "1.23"), (99.99, "99.9")],
            *[
                (1234.5, "1.23e+03"),
                (0.0012399, "0.00123"),
                (0.378, "0.378"),
                (1 - 2**-53, "0.999"),
            ],
        ],
    )
    def test_radii_are_rounded_down(self, radius, text):
        from sksmooth.records.cohen_log import _short

        assert _short(np.float64(radius)) == _short(radius) == text

    def test_their_analysis_reads_it(self, clf, tmp_path):
        """What analyze.py computes: shares of rows that are correct at a radius, by pandas."""
        pd = pytest.importorskip("pandas")
        from sksmooth import certified_accuracy_score

        certificate = clf.certify(X, n=500, log=tmp_path / "ours.tsv", y=y)
        write_log(tmp_path / "theirs", read_log(tmp_path / "ours.tsv"), format="cohen")
        df = pd.read_csv(tmp_path / "theirs", delimiter="\t")
        assert list(df.columns) == HEADER.split("\t")
        for radius in (0.0, 0.25, 0.5, 1.0):
            found = (df["correct"] & (df["radius"] >= radius)).mean()
            assert found == certified_accuracy_score(y, certificate, radius=radius)
        abstained = (df["predict"] == -1).mean()
        assert abstained == certificate.abstained.mean()
        # and at any radius never more than is certified
        for radius in certificate.radii:
            found = (df["correct"] & (df["radius"] >= radius)).mean()
            assert found <= certified_accuracy_score(y, certificate, radius=radius)

    def test_what_it_cannot_hold(self, clf, tmp_path):
        certificate = clf.certify(X, n=500)
        with pytest.raises(ValueError, match="pass y_true"):
            write_log(tmp_path / "a", certificate, format="cohen")
        words = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(X, y.astype(str))
        with pytest.raises(ValueError, match=r"as whole numbers.*got y_true \['0', '1'\]"):
            write_log(tmp_path / "a", words.certify(X, n=500), y_true=y.astype(str), format="cohen")
        minus = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(X, y - 1)
        with pytest.raises(ValueError, match="with -1 for abstentions"):
            write_log(tmp_path / "a", minus.certify(X, n=500), y_true=y - 1, format="cohen")
        other = SmoothedClassifier(GaussianNB(), 1.0, noise="laplace", random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="got 'l1'"):
            write_log(tmp_path / "a", other.certify(X, n=500), y_true=y, format="cohen")
        other = SmoothedClassifier(GaussianNB(), 1.0, units="std", random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="does not say the norm"):
            write_log(tmp_path / "a", other.certify(X, n=500), y_true=y, format="cohen")
        with pytest.raises(ValueError, match="format must be 'sksmooth'.* got 'csv'"):
            write_log(tmp_path / "a", certificate, format="csv")
        assert not (tmp_path / "a").exists()


class TestShards:
    def shards(self, clf, folder, parts):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X, columns=list("abcde"))
        clf = SmoothedClassifier(clf.estimator, 1.0, method="montecarlo", random_state=0)
        clf.fit(frame, y)
        paths = []
        for i, part in enumerate(parts):
            paths.append(folder / f"{i}.tsv")
            clf.certify(frame.iloc[part], n=500, log=paths[-1], y=y[part])
        return clf, frame, paths

    def test_they_are_the_whole(self, clf, tmp_path):
        parts = [np.arange(40, 60), np.arange(0, 40, 2), np.arange(1, 40, 2)]
        clf, frame, paths = self.shards(clf, tmp_path, parts)
        record = join_logs(path for path in paths)
        expected = dataclasses.replace(clf.certify(frame, n=500), index=None, feature_names=None)
        assert_same_certificate(record.certificate, expected)
        assert record.index.tolist() == list(range(60))
        assert np.array_equal(record.y_true, y)
        assert record.seconds.shape == (60,)
        write_log(tmp_path / "all.tsv", record)
        again = read_log(tmp_path / "all.tsv")
        assert_same_certificate(again.certificate, expected)
        for name in ("y_true", "index", "seconds"):
            assert np.array_equal(getattr(again, name), getattr(record, name))
        assert again.settings == record.settings

    def test_a_row_in_two_of_them(self, clf, tmp_path):
        _, _, paths = self.shards(clf, tmp_path, [np.arange(10), np.arange(9, 20)])
        with pytest.raises(ValueError, match=r"Row 9 is in .*0\.tsv and in .*1\.tsv"):
            join_logs(paths)

    def test_the_same_log_twice(self, clf, tmp_path):
        _, _, (path,) = self.shards(clf, tmp_path, [np.arange(3)])
        with pytest.raises(ValueError, match="Row 0 is in"):
            join_logs([path, path])
        record = read_log(path)
        with pytest.raises(ValueError, match="Row 5 is in Record 0 and in Record 0"):
            join_logs([dataclasses.replace(record, index=np.array([4, 5, 5]))])

    def test_records_with_numbers_of_their_own(self, clf, tmp_path):
        for i, part in enumerate((X[:20], X[20:])):
            clf.certify(part, n=500, log=tmp_path / f"{i}.tsv")
        records = [read_log(tmp_path / f"{i}.tsv") for i in range(2)]
        with pytest.raises(ValueError, match="Row 0 is in Record 0 and in Record 1"):
            join_logs(records)
        records[1] = dataclasses.replace(records[1], index=records[1].index + 20)
        joined = join_logs(records)
        assert joined.y_true is None
        assert_same_certificate(joined.certificate, clf.certify(X, n=500))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"sigma": 0.5}, "model is"),
            ({"n": 600}, "different n "),
            ({"alpha": 0.01}, "alpha"),
            ({"random_state": 1}, "model is"),
            ({"estimator": DecisionTreeClassifier(random_state=0)}, "model is"),
            ({"abstain_label": -5}, "abstain_label"),
        ],
    )
    def test_other_settings_are_refused(self, clf, tmp_path, change, message):
        options = {"estimator": GaussianNB(), "sigma": 1.0, "n": 500, "random_state": 0}
        for i, more in enumerate(({}, change)):
            one = SmoothedClassifier(**options | more, method="montecarlo").fit(X, y)
            one.certify(X[:5], log=tmp_path / f"{i}.tsv")
        second = dataclasses.replace(read_log(tmp_path / "1.tsv"), index=np.arange(5, 10))
        with pytest.raises(ValueError, match=message):
            join_logs([tmp_path / "0.tsv", second])

    @pytest.mark.parametrize(("name", "value"), [("sigma", 0.5), ("_seed", b"another 16 bytes")])
    def test_another_noise_or_seed_of_the_same_model(self, tmp_path, name, value):
        options = {"n": 500, "method": "montecarlo", "random_state": 0}
        one = SmoothedClassifier(GaussianNB(), 1.0, **options).fit(X, y)
        one.certify(X[:5], log=tmp_path / "0.tsv")
        setattr(one, name, value)
        one.certify(X[5:], log=tmp_path / "1.tsv")
        second = dataclasses.replace(read_log(tmp_path / "1.tsv"), index=np.arange(5, 60))
        with pytest.raises(ValueError, match=name.strip("_").replace("sigma", "noise")):
            join_logs([tmp_path / "0.tsv", second])

    def test_labels_in_some_only(self, clf, tmp_path):
        clf.certify(X[:5], n=500, log=tmp_path / "0.tsv")
        clf.certify(X[5:], n=500, log=tmp_path / "1.tsv", y=y[5:])
        second = dataclasses.replace(read_log(tmp_path / "1.tsv"), index=np.arange(5, 60))
        with pytest.raises(ValueError, match="only one has true labels"):
            join_logs([tmp_path / "0.tsv", second])

    def test_times_of_some_rows_are_no_times_of_all(self, clf, tmp_path):
        """A record that was not read from a log has none."""
        clf.certify(X[:5], n=500, log=tmp_path / "0.tsv")
        timed = read_log(tmp_path / "0.tsv")
        assert timed.seconds is not None
        others = dataclasses.replace(timed, seconds=None, index=np.arange(5, 10))
        joined = join_logs([timed, others])
        assert joined.seconds is None
        assert joined.index.tolist() == [*range(10)]

    def test_what_is_no_sequence_of_logs(self, tmp_path):
        for wrong in ([], iter([]), "a.tsv", pathlib.Path("a.tsv")):
            with pytest.raises(ValueError, match="needs a sequence of logs"):
                join_logs(wrong)


class TestGrowing:
    def test_every_beginning_of_a_log_is_read(self, clf, tmp_path):
        """At whatever byte the file ends, the rows that are whole are there."""
        certificate = clf.certify(X, n=500, log=tmp_path / "a.tsv", y=y)
        content = (tmp_path / "a.tsv").read_bytes()
        ends = [i + 1 for i, byte in enumerate(content) if byte == 10]
        log, rng = tmp_path / "b.tsv", np.random.default_rng(0)
        for length in [ends[3], ends[3] + 1, ends[4] - 1, *rng.integers(ends[3], len(content), 25)]:
            log.write_bytes(content[:length])
            n_rows = sum(end <= length for end in ends) - 3
            record = read_log(log, partial=True)
            assert len(record) == n_rows
            assert_same_certificate(record.certificate, certificate[:n_rows])
            assert np.array_equal(record.y_true, y[:n_rows])
            if n_rows < 60:
                with pytest.raises(ValueError, match=r"cut off|partial=True"):
                    read_log(log)
        for length in (0, 10, ends[1] - 1, ends[2]):
            log.write_bytes(content[:length])
            with pytest.raises(ValueError, match=str(log)):
                read_log(log, partial=True)

    def test_what_contradicts_itself_is_refused(self, clf, tmp_path):
        clf.certify(X, n=500, log=tmp_path / "a.tsv")
        lines = (tmp_path / "a.tsv").read_text().split("\n")
        cells = lines[3].split("\t")
        cells[3] = json.dumps(float(cells[3]) + 0.1)
        lines[3] = "\t".join(cells)
        (tmp_path / "a.tsv").write_text("\n".join(lines[:20]))
        with pytest.raises(ValueError, match="line 4"):
            read_log(tmp_path / "a.tsv", partial=True)

    def test_a_log_of_the_authors(self, tmp_path):
        path = tmp_path / "sigma_0.25"
        path.write_text(f"{HEADER}\n0\t3\t3\t0.378\t1\t15.4\n20\t7\t7\t0.3")
        assert read_log(path, partial=True).index.tolist() == [0]
        with pytest.raises(ValueError, match="cut off"):
            read_log(path)


def test_seconds_that_cannot_be(tmp_path):
    clf = SmoothedClassifier(GaussianNB(), 1.0, random_state=0).fit(X, y)
    clf.certify(X[:2], n=500, log=tmp_path / "a.tsv")
    lines = (tmp_path / "a.tsv").read_text().split("\n")
    place = lines[2].split("\t").index("seconds")
    for wrong in ("-1.0", "NaN", "Infinity"):
        cells = lines[3].split("\t")
        assert math.isfinite(float(cells[place]))
        cells[place] = wrong
        (tmp_path / "b.tsv").write_text("\n".join([*lines[:3], "\t".join(cells), *lines[4:]]))
        with pytest.raises(ValueError, match="seconds must lie between 0 and"):
            read_log(tmp_path / "b.tsv")
