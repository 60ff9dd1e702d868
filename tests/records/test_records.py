"""Logs: those of the paper's authors, ours, and files that are neither."""

import dataclasses
import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
from helpers import blobs
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sksmooth import SmoothedClassifier, abstention_rate, certified_accuracy_score
from sksmooth.bounds import two_sided
from sksmooth.certificate import certify_counts
from sksmooth.noise import FloatGaussian
from sksmooth.records import Record, read_log, write_log

CERTIFIED = "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
PREDICTED = "idx\tlabel\tpredict\tcorrect\ttime\n"
ROWS = ["0\t3\t3\t0.378\t1\t15.4\n", "20\t7\t-1\t0.0\t0\t15.6\n", "40\t4\t2\t0.341\t0\t15.7\n"]
P_ROWS = ["0\t3\t3\t1\t0:00:01.5\n", "20\t7\t-1\t0\t0:00:01.25\n"]
# noise in training, noise in prediction, alpha; how alpha is known: statistics of the top radii
LOGS = [
    ("0.12", "0.12", 0.001),
    ("0.12", "0.50", 0.001),
    ("0.25", "0.25", 0.01),
    ("0.25", "0.50", 0.001),
    ("0.50", "0.50", 0.01),
    ("1.00", "0.50", 0.001),
    ("1.00", "1.00", 0.01),
]


def log_path(folder, noise, sigma):
    return folder / f"locuslab_logs/certify/cifar10/resnet110/noise_{noise}/test/sigma_{sigma}"


@pytest.fixture
def theirs(tmp_path):
    """Writes text or bytes to a file that is named as the authors name theirs."""

    def write(data, name="sigma_0.25"):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def refused(path, line=None, match=None, **options):
    """The log is refused by an error that names the file, and the line if there is one."""
    with pytest.raises(ValueError, match=match) as error:
        read_log(path, **options)
    assert str(path) in str(error.value)
    if line is not None:
        assert f", line {line}: " in str(error.value)


class TestLogsOfTheAuthors:
    @pytest.mark.parametrize(("noise", "sigma", "alpha"), LOGS)
    def test_every_certificate_is_read(self, data_folder, noise, sigma, alpha):
        path = log_path(data_folder, noise, sigma)
        record = read_log(path, alpha=alpha)
        c = record.certificate
        cells = [line.split("\t") for line in path.read_text().splitlines()[1:]]
        assert len(record) == len(c) == len(cells) == 500
        assert record.index.tolist() == list(range(0, 10_000, 20))
        assert record.y_true.tolist() == [int(row[1]) for row in cells]
        assert record.y_pred.tolist() == c.labels.tolist() == [int(row[2]) for row in cells]
        assert c.radii.tolist() == [float(row[3]) for row in cells]
        correct = [int(row[4]) for row in cells]
        assert ((c.labels == record.y_true) & ~c.abstained).astype(int).tolist() == correct
        assert c.abstained.tolist() == [row[2] == "-1" for row in cells]
        assert (c.n, c.n0, c.alpha, c.sigma) == (100_000, 100, alpha, float(sigma))
        assert c.classes.tolist() == list(range(10))
        assert 10 < record.seconds.min() < record.seconds.max() < 30

    @pytest.mark.parametrize(
        ("draws", "seconds"), [(100, 0.152), (1000, 1.48), (10_000, 14.9), (100_000, 150.0)]
    )
    def test_every_prediction_is_read(self, data_folder, draws, seconds):
        """The times are those of the authors' README, "hours:minutes:seconds" in the logs."""
        folder = data_folder / "locuslab_logs/predict/imagenet/resnet50/noise_0.25/test"
        record = read_log(folder / f"N_{draws}")
        assert record.certificate is None
        assert len(record) == 500
        assert record.index.tolist() == list(range(0, 50_000, 100))
        assert np.median(record.seconds) == pytest.approx(seconds, rel=0.02)

    @pytest.mark.parametrize(("noise", "sigma"), [("0.25", "0.25"), ("0.50", "0.50")])
    def test_the_alpha_of_the_papers_text_is_refused_for_logs_made_with_another(
        self, data_folder, noise, sigma
    ):
        path = log_path(data_folder, noise, sigma)
        lines = path.read_text().splitlines()
        radii = np.array([float(line.split("\t")[3]) for line in lines[1:]])
        refused(path, int(radii.argmax()) + 2, r"alpha was 0\.01 or more", alpha=0.001)
        assert read_log(path, alpha=0.01).certificate.radii.max() == radii.max()
        refused(path, match=r"alpha was 0\.01 or more", alpha=0.005)

    def test_a_copy_that_misses_its_last_byte_is_refused(self, data_folder, theirs):
        data = log_path(data_folder, "0.12", "0.12").read_bytes()
        refused(theirs(data[:-1], "sigma_0.12"), 501, "cut off")


class TestTheirs:
    def test_a_certificate_from_radii(self, theirs):
        """p_lower is what the radius says; the rest is what the paper says."""
        record = read_log(theirs(CERTIFIED + "".join(ROWS)))
        c = record.certificate
        assert c.labels.tolist() == c.selected.tolist() == [3, -1, 2]
        assert c.abstained.tolist() == [False, True, False]
        p = stats.norm.cdf([0.378 / 0.25, 0.341 / 0.25])
        assert_allclose(c.p_lower[[0, 2]], p, rtol=1e-14)
        assert_allclose(c.p_upper[[0, 2]], 1 - p, rtol=1e-13)
        assert c.p_lower[1] == 0
        assert c.classes.tolist() == [2, 3, 4, 7]
        assert c.max_radius == pytest.approx(0.25 * stats.norm.isf(-np.expm1(np.log(0.001) / 1e5)))
        assert (c.norm, c.bound, c.asked_radii, c.seed) == ("l2", "one-sided", None, None)
        assert c.counts.shape == (3, 0)
        assert record.seconds.tolist() == [15.4, 15.6, 15.7]
        assert certified_accuracy_score(record.y_true, c, radius=0.3) == pytest.approx(1 / 3)
        assert abstention_rate(c) == pytest.approx(1 / 3)

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("15.4", 15.4),
            ("0:00:15.4", 15.4),
            ("0:02:33.474448", 153.474448),
            ("1:00:00", 3600),
            ("1 day, 2:03:04.5", 93_784.5),
            ("2 days, 0:00:00", 172_800),
        ],
    )
    def test_times(self, theirs, text, seconds):
        """Seconds, or what ``str(datetime.timedelta)`` gives."""
        record = read_log(theirs(PREDICTED + f"0\t1\t1\t1\t{text}\n"))
        assert record.seconds.tolist() == pytest.approx([seconds], rel=1e-15)

    def test_settings_are_the_callers(self, theirs):
        path = theirs(CERTIFIED + "".join(ROWS))
        c = read_log(str(path), sigma=0.5, n=1000, n0=10, alpha=0.05).certificate
        assert (c.sigma, c.n, c.n0, c.alpha) == (0.5, 1000, 10, 0.05)
        assert_allclose(c.p_lower[0], stats.norm.cdf(0.378 / 0.5), rtol=1e-14)
        assert c.n_draws.tolist() == [1000] * 3

    @pytest.mark.parametrize(
        ("name", "sigma"),
        [
            ("sigma_0.25", 0.25),
            ("sigma_1.00", 1.0),
            ("sigma_.5", 0.5),
            ("sigma_2", 2.0),
            ("sigma_0.12.tsv", 0.12),
            ("sigma_2.txt", 2.0),
        ],
    )
    def test_sigma_is_in_the_name(self, theirs, name, sigma):
        text = CERTIFIED + "0\t3\t3\t0.0378\t1\t15.4\n"
        assert read_log(theirs(text, name)).certificate.sigma == sigma

    @pytest.mark.parametrize("name", ["log.tsv", "noise_0.25", "sigma_", "sigma_0.25 (1)", "N_1"])
    def test_sigma_is_required_where_the_name_does_not_say_it(self, theirs, name):
        path = theirs(CERTIFIED + "".join(ROWS), name)
        refused(path, match="Pass sigma")
        assert read_log(path, sigma=0.25).certificate.sigma == 0.25
        assert read_log(theirs(PREDICTED + "".join(P_ROWS), name)).certificate is None

    @pytest.mark.parametrize("name", ["sigma_0.25_again", "sigma_1.25_again", "sigma_1.25.5"])
    def test_sigma_is_not_read_off_a_part_of_the_number(self, theirs, name):
        refused(theirs(CERTIFIED + "".join(ROWS), name), match="Pass sigma")

    @pytest.mark.parametrize(
        ("option", "match"),
        [
            ({"sigma": 0.0}, "sigma must be"),
            ({"sigma": -0.25}, "sigma must be"),
            ({"sigma": np.nan}, "sigma must be"),
            ({"alpha": 0.0}, "alpha"),
            ({"alpha": 1.0}, "alpha"),
            ({"n": 0}, "n must be"),
            ({"n0": 1.5}, "n0 must be"),
        ],
    )
    def test_bad_settings(self, theirs, option, match):
        with pytest.raises(ValueError, match=match):
            read_log(theirs(CERTIFIED + "".join(ROWS)), **option)

    @pytest.mark.parametrize("change", [{"n": 10}, {"sigma": 0.02}, {"alpha": 1e-200, "n": 1000}])
    def test_radii_that_the_settings_cannot_give(self, theirs, change):
        refused(theirs(CERTIFIED + "".join(ROWS)), 2, r"radius 0\.378 is more than", **change)

    def test_three_digits_of_the_largest_radius_are_accepted(self, theirs):
        """Unanimous votes print as 0.953, which is above 0.25 * 3.8115 = 0.95288."""
        assert read_log(theirs(CERTIFIED + "0\t3\t3\t0.953\t1\t1\n")).certificate.max_radius >= (
            0.953
        )
        refused(theirs(CERTIFIED + "0\t3\t3\t0.96\t1\t1\n"), 2, "alpha")

    def test_only_abstentions(self, theirs):
        c = read_log(theirs(CERTIFIED + ROWS[1])).certificate
        assert c.abstained.all()
        assert c.radii.tolist() == [0.0]

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_line_ends_of_other_systems_are_read(self, theirs, end):
        """Git and editors on Windows change them; nothing else may change with them."""
        text = CERTIFIED + "".join(ROWS)
        one = read_log(theirs(text))
        other = read_log(theirs(text.replace("\n", end)))
        assert same_certificate(one.certificate, other.certificate)
        assert other.y_true.tolist() == [3, 7, 4]
        refused(theirs(text.replace("\n", end)[: -len(end)]), 4, "cut off")


HOSTILE = {
    # name: (text, line or None, what the error says)
    "empty": ("", None, "empty"),
    "white space": (" \n\n \t\n", None, "empty"),
    "header only": (CERTIFIED, None, "no rows"),
    "predictions, header only": (PREDICTED, None, "no rows"),
    "header cut off": (CERTIFIED[:-1], 1, "cut off"),
    "cut off in a line": (CERTIFIED + ROWS[0] + ROWS[1][:9], 3, "cut off"),
    "cut off before the line end": (CERTIFIED + ROWS[0] + ROWS[1][:-1], 3, "cut off"),
    "a column less": (CERTIFIED + ROWS[0] + "1\t3\t3\t0.3\t1\n", 3, "5 columns"),
    "a column more": (CERTIFIED + ROWS[0] + "1\t3\t3\t0.3\t1\t2\t3\n", 3, "7 columns"),
    "spaces for tabs": (CERTIFIED + ROWS[0].replace("\t", " "), 2, "1 columns"),
    "other header": ("idx\tlabel\tpredict\n0\t1\t1\n", 1, "expected"),
    "columns in other order": (
        "idx\tpredict\tlabel\tradius\tcorrect\ttime\n" + ROWS[0],
        1,
        "expected",
    ),
    "no header": ("".join(ROWS), 1, "expected"),
    "blank line first": ("\n" + CERTIFIED + ROWS[0], 1, "expected"),
    "blank line between": (CERTIFIED + ROWS[0] + "\n" + ROWS[1], 3, "1 columns"),
    "blank line at the end": (CERTIFIED + ROWS[0] + "\n", 3, "1 columns"),
    "word for a label": (CERTIFIED + "0\tcat\t3\t0.3\t1\t2\n", 2, "cat"),
    "fraction for a label": (CERTIFIED + "0\t3.5\t3\t0.3\t1\t2\n", 2, "3.5"),
    "word for a radius": (CERTIFIED + ROWS[0] + "1\t3\t3\tbig\t1\t2\n", 3, "big"),
    "word for a time": (CERTIFIED + "0\t3\t3\t0.3\t1\tlong\n", 2, "long"),
    "empty cell": (CERTIFIED + "0\t\t3\t0.3\t1\t2\n", 2, "cannot be read"),
    "nan for a radius": (CERTIFIED + "0\t3\t3\tnan\t1\t2\n", 2, "nan"),
    "inf for a radius": (CERTIFIED + "0\t3\t3\tinf\t1\t2\n", 2, "inf"),
    "too large a number": (CERTIFIED + "0\t3\t3\t1e999\t1\t2\n", 2, "inf"),
    "negative radius": (CERTIFIED + ROWS[0] + "1\t3\t3\t-0.3\t1\t2\n", 3, "-0.3"),
    "idx twice": (CERTIFIED + ROWS[0] + ROWS[1] + ROWS[0], 4, "idx 0 was on line 2"),
    "two logs": (2 * (CERTIFIED + ROWS[0]), 3, "two logs"),
    "certificates, then predictions": (
        CERTIFIED + ROWS[0] + PREDICTED + P_ROWS[1],
        3,
        "5 columns",
    ),
    "a prediction among certificates": (CERTIFIED + ROWS[0] + P_ROWS[1], 3, "5 columns"),
    "a certificate among predictions": (PREDICTED + P_ROWS[0] + ROWS[1], 3, "6 columns"),
    "correct, but another label": (CERTIFIED + "0\t3\t4\t0.3\t1\t2\n", 2, "correct"),
    "not correct, but the label": (CERTIFIED + "0\t3\t3\t0.3\t0\t2\n", 2, "correct"),
    "correct is neither 0 nor 1": (CERTIFIED + "0\t3\t3\t0.3\t2\t2\n", 2, "correct"),
    "abstained and correct": (PREDICTED + "0\t3\t-1\t1\t2\n", 2, "correct"),
    "abstained with a radius": (CERTIFIED + "0\t3\t-1\t0.3\t0\t2\n", 2, "abstention"),
    "latin-1": (CERTIFIED.encode() + b"0\t3\t3\t0.3\t1\t2\xe9\n", None, "UTF-8"),
    "utf-16": ((CERTIFIED + ROWS[0]).encode("utf-16"), None, "UTF-8"),
    "zeros": (b"\0" * 100 + b"\n", 1, "expected"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), None, "UTF-8"),
}


class TestHostileFiles:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_refused_with_the_place(self, theirs, name):
        data, line, match = HOSTILE[name]
        refused(theirs(data), line, match)

    @pytest.mark.parametrize("idx", ["00", " 0", "+0", "-0"])
    def test_idx_twice_in_other_digits(self, theirs, idx):
        refused(theirs(CERTIFIED + ROWS[0] + f"{idx}\t3\t3\t0.3\t1\t2\n"), 3)

    @pytest.mark.parametrize("time", ["nan", "inf", "-5"])
    def test_times_that_are_none(self, theirs, time):
        refused(theirs(CERTIFIED + f"0\t3\t3\t0.3\t1\t{time}\n"), 2)

    @pytest.mark.parametrize("cell", ["3_0", "٣"])
    def test_digits_that_no_script_of_the_authors_writes(self, theirs, cell):
        refused(theirs(PREDICTED + f"0\t{cell}\t1\t0\t2\n"), 2)

    @pytest.mark.parametrize("idx", [2**63, 10**20])
    def test_an_idx_that_fits_nowhere(self, theirs, idx):
        refused(theirs(CERTIFIED + f"{idx}\t3\t3\t0.3\t1\t2\n"), 2)

    @pytest.mark.parametrize("label", [-(2**63), 2**63 - 1])
    def test_the_longest_labels(self, theirs, label):
        record = read_log(theirs(CERTIFIED + f"0\t{label}\t{label}\t0.3\t1\t2\n"))
        assert record.y_true == record.certificate.labels == label

    def test_a_byte_order_mark_is_not_part_of_the_header(self, theirs):
        assert len(read_log(theirs("\ufeff" + CERTIFIED + ROWS[0]))) == 1

    def test_a_log_that_ended_early(self, theirs):
        """Whole lines are missing, which only the reader's own number can tell."""
        path = theirs(CERTIFIED + ROWS[0] + ROWS[1])
        assert len(read_log(path, rows=2)) == 2
        refused(path, match="has 2 of the 500 rows", rows=500)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError) as error:
            read_log(tmp_path / "nothing")
        assert error.value.filename == str(tmp_path / "nothing")

    def test_a_folder(self, tmp_path):
        with pytest.raises(OSError, match="(?i)directory|denied") as error:
            read_log(tmp_path)
        assert error.value.filename == str(tmp_path)

    def test_cut_anywhere(self, theirs):
        """What is left is refused, or is a log of fewer whole rows that says nothing else."""
        text = CERTIFIED + "".join(ROWS)
        whole = read_log(theirs(text))
        for end in range(len(text)):
            path = theirs(text[:end])
            rows = text[:end].count("\n") - 1
            if end and text[end - 1] == "\n" and rows > 0:
                record = read_log(path)
                assert len(record) == rows
                assert record.certificate.radii.tolist() == whole.certificate.radii[:rows].tolist()
            else:
                refused(path)

    def test_damage_to_one_byte_never_loses_a_row(self, theirs):
        text = CERTIFIED + "".join(ROWS)
        rng = np.random.default_rng(0)
        read = 0
        for _ in range(400):
            place = int(rng.integers(len(text)))
            byte = "0123456789.-\t\n\x00e \xe9"[rng.integers(18)]
            path = theirs((text[:place] + byte + text[place + 1 :]).encode("latin-1"))
            try:
                record = read_log(path)
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017
            else:
                read += 1
                assert len(record) == 3
                assert np.all(record.certificate.radii >= 0)
        assert 0 < read < 200  # digits of radii and times can change into others


def same(one, other):
    """Equal bit for bit: dtype (but for the width of text), shape, and every element."""
    if isinstance(one, np.ndarray):
        dtypes = one.dtype == other.dtype or one.dtype.kind == other.dtype.kind == "U"
        if one.dtype.kind == "f":
            equal = one.tobytes() == other.tobytes()
        else:
            a, b = one.ravel().tolist(), other.ravel().tolist()
            equal = a == b and list(map(type, a)) == list(map(type, b))
        return dtypes and one.shape == other.shape and equal
    return type(one) is type(other) and one == other


def same_certificate(one, other):
    names = [field.name for field in dataclasses.fields(one)]
    different = [name for name in names if not same(getattr(one, name), getattr(other, name))]
    assert not different, different
    assert other.labels.dtype == one.labels.dtype  # an abstain label must still fit in
    return True


X, Y = blobs(24, k=3)
LABELS = {
    "int": [0, 1, 2],
    "negative int": [-3, -1, 2],
    "uint8": np.array([0, 5, 255], dtype=np.uint8),
    "uint64": np.array([1, 2, 2**62], dtype=np.uint64),
    "big-endian": np.array([1, 2, 3], dtype=">i4"),
    "bool": [False, True],
    "float": [1.0, 2.0, -7.0],
    "float32": np.array([0, 1, 2**24], dtype=np.float32),
    "str": ["ant", "bee", "cat"],
    "hostile str": ["tab\there", "line\nend\r\n# \u2028", 'quote " back \\ slash'],
    "unicode str": ["ä", "日本語", "\U0001f600"],
    "digits": ["0", "1", "-1"],
    "words of the format": ["null", "NaN", "0:5"],
    "empty str": ["", " ", "  "],
    "object": np.array(["x y", "z", "\t"], dtype=object),
}
MODES = {
    "default": {},
    "radius": {"radius": 0.25},
    "radii": {"radius": [0, 0.1, 2.5]},
    "tol": {"tol": 0.1},
    "two-sided": {"bound": "two-sided"},
    "two-sided, radius": {"bound": "two-sided", "radius": 0.2},
}


def fitted(labels, **options):
    labels = np.asarray(labels)
    y = labels[Y % len(labels)]
    options = {"sigma": 2.0, "n": 150, "method": "montecarlo", "random_state": 0} | options
    return SmoothedClassifier(GaussianNB(), **options).fit(X, y), y


@pytest.fixture(scope="module")
def example():
    """A certificate with abstentions, and true labels."""
    clf, y = fitted(["ant", "bee", "cat"])
    certificate = clf.certify(X)
    assert 0 < certificate.abstained.sum() < len(X)
    return certificate, y


class TestRoundTrip:
    @pytest.mark.parametrize("kind", LABELS)
    @pytest.mark.parametrize("abstain_label", ["auto", None])
    def test_labels_of_every_kind(self, tmp_path, kind, abstain_label):
        clf, y = fitted(LABELS[kind], abstain_label=abstain_label)
        certificate = clf.certify(X)
        assert certificate.abstained.any()
        write_log(tmp_path / "log", certificate, y_true=y)
        record = read_log(tmp_path / "log")
        assert same_certificate(certificate, record.certificate)
        assert same(certificate.labels, record.y_pred)
        assert same(y, record.y_true)
        assert y.dtype == record.y_true.dtype
        score = certified_accuracy_score(y, certificate, radius=[0, 0.2])
        again = certified_accuracy_score(record.y_true, record.certificate, radius=[0, 0.2])
        assert score.tolist() == again.tolist()

    @pytest.mark.parametrize("mode", MODES)
    def test_certificates_of_every_kind(self, tmp_path, mode):
        clf, y = fitted(["ant", "bee", "cat"])
        certificate = clf.certify(X, **MODES[mode])
        write_log(tmp_path / "log", certificate, y_true=y)
        assert same_certificate(certificate, read_log(tmp_path / "log").certificate)

    @pytest.mark.parametrize(
        ("base", "options"),
        [
            (GaussianNB(), {"arithmetic": "float"}),
            (GaussianNB(), {"stream": "shake128"}),
            (LogisticRegression(), {}),  # votes are found in the space of its scores
            (LogisticRegression(), {"shortcuts": None}),
        ],
    )
    def test_noise_of_every_kind(self, tmp_path, base, options):
        clf = SmoothedClassifier(
            base, sigma=2.0, n=150, method="montecarlo", random_state=0, **options
        ).fit(X, Y)
        certificate = clf.certify(X)
        write_log(tmp_path / "log", certificate)
        again = read_log(tmp_path / "log").certificate
        assert same_certificate(certificate, again)
        assert again.noise.tv_error == certificate.noise.tv_error
        assert repr(again) == repr(certificate)

    @pytest.mark.parametrize(("scale", "sigma"), [(1, 60.0), (1 / 255, 0.25)])
    def test_images(self, tmp_path, scale, sigma):
        rows = np.random.default_rng(0).integers(256, size=(24, 3)) * scale
        clf = SmoothedClassifier(
            GaussianNB(), sigma=sigma, n=150, method="montecarlo", random_state=0
        ).fit(rows, Y)
        certificate = clf.certify(rows)
        assert certificate.noise.levels == round(1 / scale)
        write_log(tmp_path / "log", certificate)
        assert same_certificate(certificate, read_log(tmp_path / "log").certificate)

    def test_noise_that_is_far_off(self, tmp_path):
        """What is taken off is read back, and checked with the votes."""

        class Off(FloatGaussian):
            tv_error = 0.07

        votes = np.array([[90, 10], [70, 30]])
        certificate = certify_counts(votes, votes, noise=Off(1.0), classes=np.array([0, 1]))
        write_log(tmp_path / "log", certificate)
        again = read_log(tmp_path / "log").certificate
        assert np.array_equal(again.p_lower, certificate.p_lower)
        assert again.tv_error.tolist() == [0.07, 0.07]
        text = (tmp_path / "log").read_text()
        for wrong in ("0.0", "0.06", "0.08"):
            (tmp_path / "wrong").write_text(text.replace("\t0.07\t", f"\t{wrong}\t"))
            refused(tmp_path / "wrong", 4, "not what the votes prove")

    def test_rows_that_stopped_for_different_reasons(self, tmp_path):
        clf, _ = fitted([0, 1, 2], n=20_000)
        parts = [clf.certify(X[:4]), clf.certify(X[:4], tol=0.2), clf.certify(X[:4], radius=0.1)]
        assert {reason for part in parts for reason in part.stop_reason} >= {"n", "tol", "decided"}
        for i, part in enumerate(parts):
            write_log(tmp_path / f"{i}", part)
            assert same_certificate(part, read_log(tmp_path / f"{i}").certificate)

    def test_numbers_of_every_size(self, tmp_path):
        """Random votes, levels and sigmas from 1e-150 to 1e150: no digit is lost in text."""
        rng = np.random.default_rng(1)
        for case in range(60):
            k, m = int(rng.integers(1, 6)), int(rng.integers(1, 8))
            n = int(10 ** rng.uniform(0, 8))
            p = rng.dirichlet(np.full(k, 0.3))
            certificate = certify_counts(
                rng.multinomial(7, p, size=m),
                rng.multinomial(n, p, size=m),
                noise=FloatGaussian(float(10 ** rng.uniform(-150, 150))),
                classes=np.sort(rng.choice(10**15, k, replace=False)),
                alpha=float(10 ** rng.uniform(-190, -0.01)),
                abstain_label=None if case % 2 else -1,
                **({"bound": two_sided} if case % 3 else {}),
            )
            write_log(tmp_path / f"{case}", certificate)
            assert same_certificate(certificate, read_log(tmp_path / f"{case}").certificate)

    def test_a_radius_without_limit(self, tmp_path, example):
        run = dataclasses.replace(example[0].run, max_radius=np.inf)
        certificate = dataclasses.replace(example[0], run=run)
        write_log(tmp_path / "log", certificate)
        assert read_log(tmp_path / "log").certificate.max_radius == np.inf

    def test_no_true_labels(self, tmp_path, example):
        write_log(tmp_path / "log", example[0])
        record = read_log(tmp_path / "log")
        assert record.y_true is None
        assert same_certificate(example[0], record.certificate)

    def test_one_row(self, tmp_path, example):
        certificate, y = example
        for i in range(len(y)):
            write_log(tmp_path / f"{i}", certificate[i], y_true=y[[i]], index=[100 + i])
            record = read_log(tmp_path / f"{i}")
            assert same_certificate(certificate[i], record.certificate)
            assert (record.y_true.tolist(), record.index.tolist()) == ([y[i]], [100 + i])

    def test_one_class(self, tmp_path):
        votes = np.array([[50], [50]])
        certificate = certify_counts(
            votes, votes, noise=FloatGaussian(1.0), classes=np.array(["only"])
        )
        write_log(tmp_path / "log", certificate, y_true=["only", "other"])
        record = read_log(tmp_path / "log")
        assert same_certificate(certificate, record.certificate)
        assert record.y_true.tolist() == ["only", "other"]

    def test_classes_in_another_order_than_sorted(self, tmp_path):
        certificate = certify_counts(
            np.array([[9, 1, 0], [0, 0, 10]]),
            np.array([[90, 8, 2], [0, 1, 99]]),
            noise=FloatGaussian(1.0),
            classes=np.array(["dog", "ant", "cat"]),
        )
        write_log(tmp_path / "log", certificate)
        assert same_certificate(certificate, read_log(tmp_path / "log").certificate)

    def test_index_and_settings(self, tmp_path, example):
        certificate, y = example
        index = np.arange(len(y), dtype=np.int32)[::-1] * 20 - 5
        settings = {"model": "naïve\nBayes", "seeds": [1, 2.5, None], "nested": {"a": True}}
        write_log(tmp_path / "log", certificate, y_true=y, index=index, settings=settings)
        record = read_log(tmp_path / "log")
        assert record.index.tolist() == index.tolist()
        assert record.index.dtype == np.int64
        assert {key: record.settings[key] for key in settings} == settings
        assert record.settings["versions"]["numpy"] == np.__version__
        assert record.seconds is None

    def test_twice_gives_the_same_file(self, tmp_path, example):
        certificate, y = example
        write_log(tmp_path / "a", certificate, y_true=y)
        record = read_log(tmp_path / "a")
        write_log(tmp_path / "b", record.certificate, y_true=record.y_true, index=record.index)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_line_ends_of_other_systems(self, tmp_path):
        clf, y = fitted(LABELS["hostile str"])
        certificate = clf.certify(X)
        write_log(tmp_path / "log", certificate, y_true=y)
        data = (tmp_path / "log").read_bytes()
        assert b"\r" not in data
        (tmp_path / "log").write_bytes(data.replace(b"\n", b"\r\n"))
        record = read_log(tmp_path / "log")
        assert same_certificate(certificate, record.certificate)
        assert record.y_true.tolist() == y.tolist()

    def test_other_programs_can_read_it(self, tmp_path):
        """Columns that begin like the authors', under comment lines."""
        pd = pytest.importorskip("pandas")
        clf, y = fitted([0, 1, 2])
        certificate = clf.certify(X)
        y = np.where(certificate.abstained, -1, y)  # as wrong as a label can be
        write_log(tmp_path / "log", certificate, y_true=y)
        frame = pd.read_csv(tmp_path / "log", sep="\t", comment="#")
        assert frame.columns[:5].tolist() == CERTIFIED.split()[:5]
        assert_allclose(frame["radius"], certificate.radii, rtol=1e-14)
        assert frame["predict"].tolist() == certificate.labels.tolist()
        right = (certificate.labels == y) & ~certificate.abstained
        assert frame["correct"].tolist() == right.astype(int).tolist()
        assert frame["n_draws"].tolist() == certificate.n_draws.tolist()

    def test_a_log_of_the_authors_rewritten_as_ours(self, tmp_path, theirs):
        """Also a radius of 0 that is no abstention: their test is p_lower < 1/2."""
        record = read_log(theirs(CERTIFIED + "".join(ROWS) + "60\t5\t5\t0.0\t1\t15.4\n"))
        assert record.certificate.abstained.tolist() == [False, True, False, False]
        write_log(tmp_path / "log", record.certificate, y_true=record.y_true, index=record.index)
        again = read_log(tmp_path / "log")
        assert same_certificate(record.certificate, again.certificate)
        assert again.y_true.tolist() == record.y_true.tolist()
        assert again.index.tolist() == record.index.tolist()


class TestWriting:
    def test_an_existing_file_is_not_touched(self, tmp_path, example):
        path = tmp_path / "log"
        path.write_bytes(b"precious")
        before = path.stat()
        with pytest.raises(FileExistsError):
            write_log(path, example[0])
        assert path.read_bytes() == b"precious"
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        with pytest.raises(FileExistsError):
            write_log(tmp_path, example[0])

    def test_a_link_to_nowhere_is_not_followed(self, tmp_path, example):
        if sys.platform == "win32":
            pytest.skip("links need a privilege")
        (tmp_path / "link").symlink_to(tmp_path / "target")
        with pytest.raises(FileExistsError):
            write_log(tmp_path / "link", example[0])
        assert not (tmp_path / "target").exists()

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"y_true": ["ant"]}, r"y_true has shape \(1,\), but there are 24 rows"),
            ({"y_true": [["ant"]] * 24}, r"y_true has shape \(24, 1\)"),
            ({"index": range(23)}, r"index has shape \(23,\)"),
            ({"index": [*range(23), 0]}, "64 bits, each of them once"),
            ({"index": np.arange(24.0)}, "index must hold whole numbers"),
            ({"index": np.arange(24, dtype=np.uint64) - np.uint64(1)}, "whole numbers of 64 bits"),
            ({"index": [True] * 24}, "index must hold whole numbers"),
            ({"index": [str(i) for i in range(24)]}, "index must hold whole numbers"),
        ],
    )
    def test_what_does_not_fit_is_refused_before_there_is_a_file(
        self, tmp_path, example, options, match
    ):
        with pytest.raises(ValueError, match=match):
            write_log(tmp_path / "log", example[0], **options)
        assert not (tmp_path / "log").exists()
        with pytest.raises(ValueError, match=match):
            Record.of(example[0], **options)

    def test_settings_that_are_not_json(self, tmp_path, example):
        for settings in ({"a": object()}, {"a": np.arange(3)}, {(1, 2): 3}):
            with pytest.raises(TypeError):
                write_log(tmp_path / "log", example[0], settings=settings)
        assert not (tmp_path / "log").exists()

    def test_no_rows(self, tmp_path, example):
        with pytest.raises(ValueError, match="rows"):
            write_log(tmp_path / "log", example[0][[]])

    def test_true_labels_of_another_kind(self, tmp_path, example):
        with pytest.raises(ValueError, match="labels"):
            write_log(tmp_path / "log", example[0], y_true=np.zeros(24, dtype=int))

    def test_labels_are_no_certificate(self, tmp_path, example):
        with pytest.raises(TypeError, match="must be a Certificate"):
            write_log(tmp_path / "log", example[0].labels)


COLUMNS = (
    "idx label predict radius correct abstained p_lower p_upper tv_error selected n_draws "
    "stop_reason votes"
)


@pytest.fixture
def ours(tmp_path, example):
    """Gives the path to a good log, after changes: to a cell of a line, or to the settings."""
    good = tmp_path / "good"
    write_log(good, example[0], y_true=example[1])

    def change(line=None, column=None, value=None, **settings):
        lines = good.read_text().split("\n")
        if column is not None:
            cells = lines[line - 1].split("\t")
            cells[COLUMNS.split().index(column)] = value
            lines[line - 1] = "\t".join(cells)
        head = json.loads(lines[1][2:])
        for key, new in settings.items():
            if new is ...:
                del head[key]
            else:
                head[key] = new
        lines[1] = f"# {json.dumps(head)}"
        path = tmp_path / "changed"
        path.write_text("\n".join(lines))
        return path

    assert read_log(change()).certificate.radii.tolist() == example[0].radii.tolist()
    return change


class TestDamageToOurs:
    def test_the_columns(self, ours):
        assert ours().read_text().split("\n")[2].split("\t") == COLUMNS.split()

    def test_cut_anywhere(self, example, tmp_path):
        write_log(tmp_path / "log", example[0][:2], y_true=example[1][:2])
        data = (tmp_path / "log").read_bytes()
        path = tmp_path / "cut"
        for end in range(len(data)):
            path.write_bytes(data[:end])
            refused(path)

    def test_any_line_lost_or_doubled(self, ours, tmp_path):
        lines = ours().read_text().splitlines(keepends=True)
        for i in range(len(lines)):
            path = tmp_path / "less"
            path.write_text("".join(lines[:i] + lines[i + 1 :]))
            refused(path)
            path.write_text("".join(lines[: i + 1] + lines[i:]))
            refused(path, None if i < 2 else i + 2)

    def test_fewer_rows_than_it_says(self, ours):
        refused(ours(rows=25), match="24 of the 25 rows")
        refused(ours(rows=23), match="24 of the 23 rows")

    def test_two_logs_in_a_file(self, ours):
        path = ours()
        path.write_text(path.read_text() * 2)
        refused(path, 28)

    def test_a_row_of_the_authors(self, ours):
        path = ours()
        path.write_text(path.read_text() + ROWS[0])
        refused(path, 28, "6 columns")

    @pytest.mark.parametrize(
        "head", ["", "# ", "# {", "# []", "# 3", "# null", "# {}", '# {"rows": 24}', "# nonsense"]
    )
    def test_settings_that_cannot_be_read(self, ours, head):
        path = ours()
        lines = path.read_text().split("\n")
        lines[1] = head
        path.write_text("\n".join(lines))
        refused(path, 2, "settings cannot be read")

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "n",
                "alpha",
                "sigma",
                "norm",
                "noise",
                "stream",
                "shortcut",
                "bound",
                "asked_radii",
                "seed",
                "rows",
            ),
            "classes",
        ],
    )
    def test_settings_that_lack(self, ours, name):
        refused(ours(**{name: ...}), 2, f"settings cannot be read.*{name}")

    @pytest.mark.parametrize(
        "settings",
        [{"rows": "many"}, {"rows": None}, {"dtypes": None}, {"dtypes": {"classes": "?!"}}],
    )
    def test_settings_of_another_type(self, ours, settings):
        refused(ours(**settings), 2, "settings cannot be read")

    @pytest.mark.parametrize(
        "settings",
        [
            {"dtypes": {"classes": "<U3"}},
            {"dtypes": {"classes": "<U3", "labels": "?!", "y_true": "<U3"}},
            {"dtypes": {"classes": "<U3", "labels": "<U7", "y_true": "<i8"}},
            {"asked_radii": 5},
            {"classes": None},
            {"classes": "ant"},
            {"settings": [1]},
            {"dtypes": []},
            {"versions": ...},
        ],
    )
    def test_settings_of_another_type_that_are_used_late(self, ours, settings):
        refused(ours(**settings))

    @pytest.mark.parametrize(
        "settings",
        [
            {"sigma": "wide"},
            {"sigma": 2.0000001},  # the noise says 2
            {"norm": "l1"},
            {"alpha": 7},
            {"bound": "lucky"},
            {"n": 0},
            {"max_radius": -1},
            {"asked_radii": [-1]},
            {"n": 1},  # n_draws is 150
        ],
    )
    def test_settings_that_cannot_be(self, ours, settings):
        refused(ours(**settings))

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "lucky"},
            {"kind": None},
            {"kind": ...},
            {"sigma": "wide"},
            {"sigma": -2.0},
            {"sigma": 0},
            {"sigma": np.nan},
            {"sigma": np.inf},
            {"sigma": ...},
            {"n_values": "many"},
            {"n_values": ...},
            {"levels": 1},  # of which sigma is 2 steps
            {"levels": "many"},
            {"levels": 0},
            {"n_values": 0},
            {"n_values": -2},
            {"bits": 23},
            {"bits": None},
            {"colour": "pink"},
        ],
    )
    def test_noise_that_cannot_be(self, ours, example, change):
        noise = {"kind": "exact", "sigma": 2.0, "n_values": 2, "levels": None, "bits": 22}
        assert read_log(ours(noise=noise)).certificate.noise == example[0].noise
        noise = {name: value for name, value in (noise | change).items() if value is not ...}
        refused(ours(noise=noise), 2, "settings cannot be read")

    @pytest.mark.parametrize("noise", [None, "exact", ["exact", 2.0], {}])
    def test_noise_that_is_none(self, ours, noise):
        refused(ours(noise=noise), 2, "settings cannot be read")

    @pytest.mark.parametrize("change", [{"sigma": 2.0001}, {"n_values": 10**9}])
    def test_other_noise_than_that_of_the_radii(self, ours, change):
        noise = {"kind": "exact", "sigma": 2.0, "n_values": 2, "levels": None, "bits": 22}
        refused(ours(noise=noise | change))

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("idx", "1"),  # the next line's
            ("idx", "one"),
            ("label", "ant"),  # no JSON
            ("radius", ""),
            ("p_lower", "0,9"),
            ("n_draws", "149"),
            ("n_draws", "many"),
            ("votes", ""),
            ("votes", "0:149"),
            ("votes", "0:75 1:74"),
            ("votes", "0:150 1:1"),
            ("votes", "3:150"),
            ("votes", "0:x"),
            ("votes", "0"),
            ("votes", "0:1:149"),
        ],
    )
    def test_cells_that_cannot_be_read_or_do_not_add_up(self, ours, column, value):
        refused(ours(4, column, value), 5 if value == "1" else 4)

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("idx", "1.5"),
            ("idx", " 1"),  # the next line's
            ("idx", '"a"'),
            ("idx", "null"),
            ("label", '"dog"'),  # then correct is wrong
            ("label", "null"),
            ("predict", '"bee"'),
            ("predict", "null"),
            ("correct", "7"),
            ("abstained", "1"),
            ("abstained", "7"),
            ("radius", "NaN"),
            ("radius", "Infinity"),
            ("radius", "-1.0"),
            ("radius", "null"),
            ("radius", "99.0"),  # above max_radius
            ("radius", "0.5"),  # not what p_lower proves
            ("p_lower", "2.0"),
            ("p_lower", "0.75"),  # not what the votes prove
            ("p_upper", "0.75"),
            ("p_lower", "NaN"),
            ("p_lower", "null"),
            ("p_upper", '"a"'),
            ("tv_error", "-1e-9"),
            ("tv_error", "1.5"),
            ("tv_error", "NaN"),
            ("tv_error", "null"),
            ("tv_error", "0.01"),  # more than the bounds have lost
            ("tv_error", "4e-16"),  # less than the noise is off by
            ("selected", '"dog"'),
            ("selected", "null"),
            ("stop_reason", "tired"),
            ("votes", "-3:150"),
            ("votes", "0:75 0:150"),
            ("votes", "0:155 1:-5"),
        ],
    )
    def test_cells_that_cannot_be(self, ours, column, value):
        refused(ours(4, column, value))

    def test_votes_for_another_class_than_the_bounds_speak_of(self, ours, example):
        """The row's 150 votes go to a class that was not selected; they still add up."""
        other = (example[0].counts[0].argmax() + 1) % 3
        refused(ours(4, "votes", f"{other}:150"), 4)

    def test_damage_to_one_byte_is_refused_by_an_error_that_names_the_file(self, ours):
        path = ours()
        text = path.read_text()
        rng = np.random.default_rng(0)
        for _ in range(300):
            place = int(rng.integers(len(text)))
            byte = '0123456789.-\t\ne "n'[rng.integers(18)]
            path.write_text(text[:place] + byte + text[place + 1 :])
            try:
                record = read_log(path)
            except ValueError as error:
                assert str(path) in str(error)  # noqa: PT017
            else:
                assert len(record) == 24


class TestRecord:
    def test_rows_can_be_chosen(self, example):
        certificate, y = example
        record = Record.of(certificate, y_true=y, index=np.arange(24) * 10)
        for rows in (slice(2, 5), [2, 3, 4], np.arange(24) // 3 == 1):
            part = record[rows]
            chosen = np.arange(24)[rows]
            assert part.index.tolist() == (10 * chosen).tolist()
            assert part.y_true.tolist() == y[chosen].tolist()
            assert part.certificate.radii.tolist() == certificate.radii[chosen].tolist()
        assert len(record[-1]) == 1
        assert repr(record).startswith("<Record of 24 rows with true labels: <Certificate of 24")

    def test_the_seed_can_be_left_out(self, tmp_path, example):
        write_log(tmp_path / "log", example[0], seed=False)
        assert example[0].seed not in (tmp_path / "log").read_text()
        assert read_log(tmp_path / "log").certificate.seed is None

    @pytest.mark.parametrize("option", [{"sigma": 2.0}, {"n": 150}, {"n0": 100}, {"alpha": 0.001}])
    def test_our_log_says_its_own_settings(self, tmp_path, example, option):
        write_log(tmp_path / "log", example[0])
        with pytest.raises(ValueError, match="says its own settings"):
            read_log(tmp_path / "log", **option)

    def test_of_a_certificate(self, example):
        certificate, y = example
        record = Record.of(certificate, y_true=list(y))
        assert record.certificate is certificate
        assert record.index.tolist() == list(range(24))
        assert record.y_true.tolist() == y.tolist()
        assert same(record.y_pred, certificate.labels)
        assert (len(record), record.seconds, record.settings) == (24, None, {})
        assert Record.of(certificate).y_true is None

    def test_nothing_is_shared_between_records(self, example):
        one, other = Record.of(example[0]), Record.of(example[0])
        one.settings["a"] = 1
        assert other.settings == {}

    def test_paths_of_both_kinds(self, tmp_path, example):
        write_log(str(tmp_path / "log"), example[0])
        shutil.copy(tmp_path / "log", tmp_path / "copy")
        one, other = read_log(str(tmp_path / "log")), read_log(pathlib.PurePath(tmp_path / "copy"))
        assert same_certificate(one.certificate, other.certificate)
