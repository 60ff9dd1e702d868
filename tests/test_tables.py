"""Tables of certified accuracy, against what papers print and by hand."""

import dataclasses

import numpy as np
import pytest
from helpers import with_run

from sksmooth.certificate import certify_counts
from sksmooth.noise import FloatGaussian
from sksmooth.records import Record, read_log, write_log
from sksmooth.tables import CertifiedAccuracyTable, certified_accuracy_table

RADII = np.arange(7) / 4
ALPHAS = {"0.12": 0.001, "0.25": 0.01, "0.50": 0.01, "1.00": 0.01}


@pytest.fixture
def cifar(data_folder):
    """The paths of the logs behind the paper's figures for CIFAR-10, by sigma."""
    folder = data_folder / "locuslab_logs/certify/cifar10/resnet110"
    return {s: folder / f"noise_{s}/test/sigma_{s}" for s in ALPHAS}


def record(radii, y_true=None, *, sigma=0.5, index=None):
    """A record of rows that are right (label 0), with given radii; None stands for a wrong row."""
    m = len(radii)
    wrong = np.array([r is None for r in radii])
    votes = np.tile([100, 0], (m, 1))
    certificate = certify_counts(votes, votes, noise=FloatGaussian(sigma), classes=np.array([0, 1]))
    certificate = dataclasses.replace(
        certificate,
        labels=wrong.astype(int),
        radii=np.array([9.0 if r is None else r for r in radii]),
    )
    return Record.of(
        certificate, y_true=np.zeros(m, dtype=int) if y_true is None else y_true, index=index
    )


def table(scores, names=None, radii=None, notes=()):
    scores = np.asarray(scores, dtype=float)
    names = tuple(names or (f"m{i}" for i in range(len(scores))))
    radii = np.arange(scores.shape[1]) / 2 if radii is None else np.asarray(radii)
    return CertifiedAccuracyTable(names, radii, scores, notes)


class TestLogsOfTheAuthors:
    def test_markdown(self, cifar):
        """Shares counted from the 500 rows of each log; the best of each column is bold."""
        records = [read_log(cifar[s], alpha=a) for s, a in ALPHAS.items()]
        made = certified_accuracy_table(records, RADII)
        assert made.notes == ("alpha differs: 0.001, 0.01.",)
        assert made.names == ("sigma=0.12", "sigma=0.25", "sigma=0.5", "sigma=1")
        assert made.radii.tolist() == RADII.tolist()
        assert made.to_markdown(digits=3) == (
            "|  | r=0 | r=0.25 | r=0.5 | r=0.75 | r=1 | r=1.25 | r=1.5 |\n"
            "|:---|---:|---:|---:|---:|---:|---:|---:|\n"
            "| sigma=0.12 | **0.814** | 0.586 | 0.000 | 0.000 | 0.000 | 0.000 | 0.000 |\n"
            "| sigma=0.25 | 0.748 | **0.600** | **0.428** | 0.266 | 0.000 | 0.000 | 0.000 |\n"
            "| sigma=0.5 | 0.652 | 0.546 | 0.414 | **0.320** | **0.234** | 0.152 | 0.094 |\n"
            "| sigma=1 | 0.472 | 0.392 | 0.340 | 0.278 | 0.216 | **0.174** | **0.140** |\n"
            "\nalpha differs: 0.001, 0.01."
        )

    def test_latex(self, cifar):
        records = {f"sigma_{s} 50%": read_log(cifar[s], alpha=ALPHAS[s]) for s in ("0.50", "1.00")}
        assert certified_accuracy_table(records, [0, 1.25]).to_latex() == (
            r"\begin{tabular}{lrr}" + "\n"
            r"\toprule" + "\n"
            r" & $r = 0$ & $r = 1.25$ \\" + "\n"
            r"\midrule" + "\n"
            r"sigma\_0.50 50\% & \textbf{0.65} & 0.15 \\" + "\n"
            r"sigma\_1.00 50\% & 0.47 & \textbf{0.17} \\" + "\n"
            r"\bottomrule" + "\n"
            r"\end{tabular}"
        )

    def test_a_shorter_log_is_refused_or_flagged(self, cifar, tmp_path):
        """427 of 500 rows, as the authors' log behind ImageNet in Table 2."""
        lines = cifar["0.25"].read_text().splitlines(keepends=True)
        (tmp_path / "sigma_0.25").write_text("".join(lines[:428]))
        records = {
            "whole": read_log(cifar["0.50"], alpha=0.01),
            "short": read_log(tmp_path / "sigma_0.25", alpha=0.01),
        }
        for order in (["whole", "short"], ["short", "whole"]):
            given = {name: records[name] for name in order}
            with pytest.raises(ValueError, match="short covers 427 rows, not the 500"):
                certified_accuracy_table(given, RADII)
            made = certified_accuracy_table(given, RADII, unequal="flag")
            assert made.notes == ("* short covers 427 rows, not the 500 of the longest.",)
            assert set(made.names) == {"whole", "short*"}
            cells = [line.split("\t") for line in lines[1:428]]
            right = [float(row[3]) for row in cells if row[4] == "1"]
            expected = [np.sum(np.array(right) >= r) / 427 for r in RADII]
            assert made.scores[made.names.index("short*")].tolist() == pytest.approx(expected)
            assert made.to_markdown().endswith("\n\n" + made.notes[0])
            assert made.to_latex().endswith("\n\\par\\footnotesize " + made.notes[0])

    def test_a_log_of_predictions_has_no_radii(self, data_folder, cifar):
        path = data_folder / "locuslab_logs/predict/imagenet/resnet50/noise_0.25/test/N_1000"
        for records in ([read_log(path)], {"N=1000": read_log(path)}):
            with pytest.raises(ValueError, match="predictions has no certificates"):
                certified_accuracy_table(records, RADII)

    def test_our_log_gives_the_same_table_as_the_certificates(self, tmp_path):
        votes = np.array([[60, 40], [80, 20], [0, 100], [100, 0]])
        certificate = certify_counts(
            votes, votes, noise=FloatGaussian(0.5), classes=np.array([0, 1]), abstain_label=-1
        )
        one = Record.of(certificate, y_true=[0, 0, 0, 0])
        write_log(tmp_path / "log", one.certificate, y_true=one.y_true)
        other = read_log(tmp_path / "log")
        made = [certified_accuracy_table([r], [0, 0.1, 0.7]).to_latex() for r in (one, other)]
        assert made[0] == made[1]
        assert r"\textbf{0.50} & \textbf{0.50} & \textbf{0.25}" in made[0]


class TestText:
    def test_best_in_print_is_bold(self):
        """0.604 and 0.596 both print as 0.60; where all are 0, none is best."""
        made = table([[0.604, 0.0, 0.2], [0.596, 0.0, 0.25], [0.5, 0.0, 0.25]])
        assert made.to_markdown().split("\n")[2:] == [
            "| m0 | **0.60** | 0.00 | 0.20 |",
            "| m1 | **0.60** | 0.00 | **0.25** |",
            "| m2 | 0.50 | 0.00 | **0.25** |",
        ]
        assert made.to_markdown(digits=3).split("\n")[2:4] == [
            "| m0 | **0.604** | 0.000 | 0.200 |",
            "| m1 | 0.596 | 0.000 | **0.250** |",
        ]
        assert made.to_latex().split("\n")[4:7] == [
            r"m0 & \textbf{0.60} & 0.00 & 0.20 \\",
            r"m1 & \textbf{0.60} & 0.00 & \textbf{0.25} \\",
            r"m2 & 0.50 & 0.00 & \textbf{0.25} \\",
        ]

    def test_zero_in_print_is_not_bold(self):
        assert "*" not in table([[0.004], [0.0]]).to_markdown()
        assert "**0.004**" in table([[0.004], [0.0]]).to_markdown(digits=3)

    def test_one_cell(self):
        assert table([[1.0]], ["all"]).to_markdown(0) == "|  | r=0 |\n|:---|---:|\n| all | **1** |"

    def test_columns_line_up_with_the_radii(self):
        made = table([[0.9, 0.1, 0.2]], radii=[1e-3, 0.123456, 2.0])
        assert made.to_markdown().split("\n")[0] == "|  | r=0.001 | r=0.123456 | r=2 |"
        assert r"\begin{tabular}{lrrr}" in made.to_latex()
        assert " & $r = 0.001$ & $r = 0.123456$ & $r = 2$ \\\\" in made.to_latex()

    def test_special_characters_in_latex(self):
        made = table([[0.5]], ["a_b & 100% #1 {x} $5"], notes=("50% of a_b",))
        assert r"a\_b \& 100\% \#1 \{x\} \$5 & \textbf{0.50} \\" in made.to_latex()
        assert made.to_latex().endswith(r"\par\footnotesize 50\% of a\_b")
        assert "a_b & 100% #1 {x} $5" in made.to_markdown()

    @pytest.mark.parametrize(
        ("name", "text"), [("2^8", r"2\textasciicircum{}8"), ("a~b", r"a\textasciitilde{}b")]
    )
    def test_accents_in_latex(self, name, text):
        assert f"{text} & " in table([[0.5]], [name]).to_latex()

    def test_bars_in_markdown(self):
        assert r"| a \| b | **0.50** |" in table([[0.5]], ["a | b"]).to_markdown()

    def test_frame(self):
        pd = pytest.importorskip("pandas")
        frame = table([[0.9, 0.1], [0.8, 0.2]], ["x", "y"]).to_frame()
        expected = pd.DataFrame([[0.9, 0.1], [0.8, 0.2]], index=["x", "y"], columns=[0.0, 0.5])
        pd.testing.assert_frame_equal(frame, expected)


class TestRows:
    def test_scores_by_hand(self):
        made = certified_accuracy_table(
            {"a": record([0.5, 1.0, None, 0.0]), "b": record([None, None, None, 2.0])},
            [0, 0.5, 0.50001, 3],
        )
        assert made.scores.tolist() == [[0.75, 0.5, 0.25, 0], [0.25, 0.25, 0.25, 0]]
        one = certified_accuracy_table([record([0.5, None])], 0.5)
        assert (one.scores.tolist(), one.radii.tolist()) == ([[0.5]], [0.5])

    def test_other_rows_of_the_same_number(self):
        records = {"a": record([0.5, 1.0]), "b": record([0.5, 1.0], index=[0, 2])}
        with pytest.raises(ValueError, match="b covers other rows of the data set"):
            certified_accuracy_table(records, [0.5])
        made = certified_accuracy_table(records, [0.5], unequal="flag")
        assert made.names == ("a", "b*")
        assert len(made.notes) == 1
        assert made.scores.tolist() == [[1.0], [1.0]]

    def test_the_same_rows_in_another_order(self):
        first = record([0.2, 0.4, 0.6])
        made = certified_accuracy_table({"a": first, "b": first[[2, 0, 1]]}, [0.5])
        assert made.scores[0] == made.scores[1] == pytest.approx(1 / 3)
        assert not any(made.flagged)

    def test_other_true_labels_for_the_same_rows(self):
        records = {"a": record([0.5, 1.0]), "b": record([0.5, 1.0], y_true=[0, 1])}
        for unequal in ("refuse", "flag"):
            with pytest.raises(ValueError, match="b has other true labels for the same rows"):
                certified_accuracy_table(records, [0.5], unequal=unequal)

    def test_other_true_labels_in_a_shorter_log(self):
        records = {"a": record([0.5, 1.0]), "b": record([0.5], y_true=[1])}
        with pytest.raises(ValueError, match="b has other true labels for the same rows"):
            certified_accuracy_table(records, [0.5], unequal="flag")

    def test_no_true_labels(self):
        blank = dataclasses.replace(record([0.5]), y_true=None)
        with pytest.raises(ValueError, match="blank has no true labels"):
            certified_accuracy_table({"blank": blank}, [0.5])
        for given in ({"a": record([0.5]), "blank": blank}, {"blank": blank, "a": record([0.5])}):
            with pytest.raises(ValueError, match="blank has no true labels"):
                certified_accuracy_table(given, [0.5])

    def test_the_same_sigma_twice_needs_names(self):
        records = [record([0.5]), record([0.7])]
        with pytest.raises(ValueError, match="same sigma need names: pass a dict"):
            certified_accuracy_table(records, [0.5])
        made = certified_accuracy_table(dict(zip("ab", records, strict=True)), [0.6])
        assert made.scores.tolist() == [[0.0], [1.0]]
        named = certified_accuracy_table([records[0], record([0.7], sigma=0.25)], [0.6])
        assert named.names == ("sigma=0.5", "sigma=0.25")

    @pytest.mark.parametrize("nothing", [[], {}, (), iter([])])
    def test_nothing(self, nothing):
        with pytest.raises(ValueError, match="records is empty"):
            certified_accuracy_table(nothing, [0.5])

    def test_an_iterator(self):
        assert certified_accuracy_table(iter([record([0.5, None])]), [0.5]).scores == [[0.5]]

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="'refuse' or 'flag'; got 'ignore'"):
            certified_accuracy_table([record([0.5])], [0.5], unequal="ignore")
        with pytest.raises(ValueError, match="radius must be 0 or more"):
            certified_accuracy_table([record([0.5])], [-0.5])

    def test_certificates_that_decided_other_radii_are_warned_about(self):
        one = record([0.5])
        asked = with_run(one.certificate, asked_radii=(0.5,))
        one = dataclasses.replace(one, certificate=asked)
        assert certified_accuracy_table([one], [0.5]).scores.tolist() == [[1.0]]
        with pytest.warns(UserWarning, match="made to decide the radii") as caught:
            certified_accuracy_table([one], [0.5, 0.25])
        assert caught[0].filename == __file__


class TestSettings:
    def test_settings_that_differ_are_noted(self):
        a = record([0.5, 1.0])
        other = with_run(a.certificate, n=7, bound="two-sided")
        b = dataclasses.replace(a, certificate=other)
        made = certified_accuracy_table({"a": a, "b": b}, [0.5])
        assert made.notes == ("n differs: 100, 7.", "bound differs: one-sided, two-sided.")

    def test_a_flagged_line_is_never_the_best(self):
        records = {"a": record([0.5, None, None]), "b": record([0.5, 0.5])}
        made = certified_accuracy_table(records, [0.5], unequal="flag")
        assert "| a | **0.33** |" in made.to_markdown()
        assert "| b* | 1.00 |" in made.to_markdown()

    def test_a_star_in_a_name_flags_nothing(self):
        made = certified_accuracy_table({"a*": record([0.5]), "b": record([0.2])}, [0.5])
        assert "| a* | **1.00** |" in made.to_markdown()

    def test_certificates_alone(self):
        with pytest.raises(TypeError, match=r"Record\.of\(certificate, y_true=y\)"):
            certified_accuracy_table({"a": record([0.5]).certificate}, [0.5])


class TestClasses:
    def test_the_best_record_of_each_class_is_bold(self):
        """Two models, two classes, radii by hand."""
        y_true = np.array([0, 0, 1, 1])

        def right(radii):
            certificate = dataclasses.replace(record(radii).certificate, labels=y_true)
            return Record.of(certificate, y_true=y_true)

        records = {"a": right([1.0, 1.0, 0.1, 0.1]), "b": right([1.0, 0.1, 1.0, 0.1])}
        each = certified_accuracy_table(records, [0.5], classwise=True)
        assert each.to_markdown().splitlines()[2:] == [
            "| a, 0 | **1.00** |",
            "| b, 0 | 0.50 |",
            "| a, 1 | 0.00 |",
            "| b, 1 | **0.50** |",
        ]
        pytest.importorskip("pandas")
        assert each.to_frame().shape == (4, 1)
        balanced = certified_accuracy_table(records, [0.5], classwise="balanced")
        assert balanced.scores.tolist() == [[0.5], [0.5]]
        assert balanced.names == ("a", "b")


class TestAverageRadius:
    def test_it_is_the_score_beside_its_standard_error(self):
        a, b = record([0.5, 1.0, None, 0.2]), record([0.4, 0.4, 0.4, None], sigma=0.25)
        made = certified_accuracy_table({"a": a, "b": b}, [0.5], average_radius=True)
        for line, lengths in zip(
            made.average_radius, ([0.5, 1.0, 0.0, 0.2], [0.4, 0.4, 0.4, 0.0]), strict=True
        ):
            assert line[0] == pytest.approx(np.mean(lengths))
            assert line[1] == pytest.approx(np.std(lengths, ddof=1) / 2)
        assert made.to_markdown() == (
            "|  | r=0.5 | ACR |\n"
            "|:---|---:|---:|\n"
            "| a | **0.50** | **0.42** ± 0.22 |\n"
            "| b | 0.00 | 0.30 ± 0.10 |"
        )
        assert r"\begin{tabular}{lrr}" in made.to_latex()
        assert r"a & \textbf{0.50} & \textbf{0.42} $\pm$ 0.22 \\" in made.to_latex()

    def test_the_frame(self):
        pytest.importorskip("pandas")
        made = certified_accuracy_table([record([0.5, 1.0])], [0.5], average_radius=True)
        frame = made.to_frame()
        assert list(frame.columns) == [0.5, "ACR", "ACR error"]
        assert frame.to_numpy().tolist() == [[1.0, 0.75, 0.25]]

    def test_by_class(self):
        one = record([0.5, 1.0, 0.8, 0.9], y_true=np.array([0, 0, 0, 1]))
        made = certified_accuracy_table({"a": one}, [0.5], average_radius=True, classwise=True)
        assert made.names == ("a, 0", "a, 1")
        assert made.average_radius[:, 0].tolist() == pytest.approx([2.3 / 3, 0.0])
        assert np.isnan(made.average_radius[1, 1])  # of one row there is none
        with pytest.raises(ValueError, match="no balanced form"):
            certified_accuracy_table([one], [0.5], average_radius=True, classwise="balanced")

    def test_decided_radii_are_warned_of(self):
        one = record([0.5])
        asked = with_run(one.certificate, asked_radii=(0.5,))
        with pytest.warns(UserWarning, match="made to decide the radii"):
            certified_accuracy_table(
                [dataclasses.replace(one, certificate=asked)], [0.5], average_radius=True
            )


def test_logs_records_and_pairs_make_the_same_line(tmp_path):
    votes = np.tile([90, 10], (5, 1))
    made = certify_counts(votes, votes, noise=FloatGaussian(0.5), classes=np.array([0, 1]))
    y = np.array([0, 1, 0, 0, 1])
    write_log(tmp_path / "a.tsv", made, y_true=y)
    sources = {
        "text": str(tmp_path / "a.tsv"),
        "path": tmp_path / "a.tsv",
        "record": Record.of(made, y_true=y),
        "pair": (y, made),
    }
    scores = certified_accuracy_table(sources, [0.0, 0.25]).scores
    assert (scores == scores[0]).all()
    assert scores[0, 0] == 0.6
    with pytest.raises(TypeError, match="got Certificate"):
        certified_accuracy_table({"a": made}, [0.0])
    with pytest.raises(TypeError, match="must be a dict or a sequence; got str"):
        certified_accuracy_table(str(tmp_path / "a.tsv"), [0.0])
