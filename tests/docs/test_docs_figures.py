"""Figures in the README and the guide are those of the results that they are taken from.

A page may round; it may not drift. The results are files of `benchmarks/results` and
`reproduction/results`, which the programs there write.
"""

import decimal
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
REPRODUCED = ROOT / "reproduction" / "results"


def text(path):
    return re.sub(r"\s+", " ", (ROOT / path).read_text(encoding="utf-8"))


def table(path, corner):
    """Rows of a Markdown table as dicts by column; `corner` is the name of its first column."""
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    header = next(line for line in lines if line.startswith(f"| {corner} |"))
    columns, rows = cells(header), []
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(columns, cells(line), strict=True)))
    return rows


def cells(line):
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


def column(name, corner, of):
    return [float(re.split("[x ]", row[of].replace(",", ""))[0]) for row in table(name, corner)]


def total(task, of):
    rows = table(REPRODUCED / "statistics_decisions.md", "task")
    (row,) = (row for row in rows if row["task"].startswith(task))
    return row[of].split()[0].strip("*x").replace(",", "")


def assert_rounded(shown, measured):
    """The number on the page is the measured one, to as many places as the page has."""
    shown = decimal.Decimal(shown.replace(",", ""))
    measured = decimal.Decimal(str(measured).replace(",", ""))
    assert shown == measured.quantize(shown, decimal.ROUND_HALF_UP)


def assert_says(page, pattern, *measured):
    """The page has the pattern once, and its groups are the measured numbers, rounded."""
    (found,) = re.findall(pattern, text(page))
    for shown, number in zip([found] if isinstance(found, str) else found, measured, strict=True):
        assert_rounded(shown, number)


SPEED = {row["base"]: row for row in table(RESULTS / "speed.md", "base")}


def test_speed_in_the_readme():
    shown = table(ROOT / "README.md", "base")
    assert len(shown) == 5
    for row in shown:
        measured = SPEED[row["base"]]
        loops = (measured[f"paper's loop, batch {size}"] for size in (400, 1000))
        assert row["`certify`"] == measured["certify"]
        assert row["paper's loop"] == max(loops, key=float)
        assert row["our target"] == measured["target"]


def test_speed_in_the_comparison():
    page = (ROOT / "docs" / "comparison.rst").read_text(encoding="utf-8")
    for row in table(ROOT / "README.md", "base"):
        lines = page.split(f"   * - {row['base']}\n")[1].splitlines()[:4]
        certify, loop, art, target = (line.strip(" -") for line in lines)
        assert [certify, loop, target] == list(row.values())[1:]
        measured = SPEED[row["base"]]["ART"]
        assert art == {"-": "raises"}.get(measured, measured)


def test_noise():
    ratios = {True: [], False: []}
    for row in table(RESULTS / "speed_noise.md", "row"):
        ratios["image" in row["row"]].append(float(row["integer / numpy"]))
    images, others = ratios[True], ratios[False]
    pattern = r"takes ([\d.]+) to ([\d.]+) of the time .* for images, and ([\d.]+) to ([\d.]+) for"
    assert_says("README.md", pattern, min(images), max(images), min(others), max(others))


def test_memory():
    (measured,) = re.findall(r"\*\*(\d+) MB\*\*", text("benchmarks/results/speed_memory.md"))
    assert_says("README.md", r"\+(\d+) MB at n = 1,000,000", measured)
    assert_says("docs/comparison.rst", r"at n = 1,000,000: (\d+) MB", measured)


def test_draws_to_decide_a_radius():
    one, every = "one radius", "all radii"
    saving, loss = total(one, "saving (95 %)"), total(one, "mean loss (95 %)")
    path = REPRODUCED / "statistics_decisions.md"
    savings = column(path, "sigma", "saving")
    low, high = min(savings), max(savings)
    pattern = r"takes ([\d.]+) times fewer draws on average than n = 100,000, from (\d+) to (\d+)"
    assert_says("README.md", pattern + r".*? loses ([\d.]+) points", saving, low, high, loss)
    most = max(abs(number) for number in column(path, "sigma", "loss, pp"))
    pattern = r"([\d.]+) times fewer draws on average \((\d+) to (\d+) times .*? for ([\d.]+) "
    pattern += r"percentage points of certified accuracy on average and ([\d.]+) at most"
    assert_says("docs/guide/fewer_draws.rst", pattern, saving, low, high, loss, most)
    assert_says(
        "docs/guide/fewer_draws.rst",
        r"([\d.]+) times fewer on average",
        total(every, "saving (95 %)"),
    )
    pattern = r"takes ([\d.]+) times fewer draws on average, by a simulation"
    assert_says("docs/tutorials/torch.rst", pattern, saving)
    pattern = r"n = 100,000: ([\d,]+) on average .*? \((\d+) to (\d+) times fewer\), for ([\d.]+) "
    draws = total(one, "mean draws")
    assert_says("docs/comparison.rst", pattern, draws, low, high, loss)


def test_computed_certificates():
    rows = table(RESULTS / "exact_speed.md", "data")
    (boosting,) = (row for row in rows if row["base"].startswith("HistGradientBoosting"))
    us, ratio = float(boosting["exact, us a row"]), boosting["ratio to predict"]
    seconds = float(boosting["sampled through predict, ms"]) / 1000
    pattern = (
        r"takes ([\d.]+) ms a row .*? takes ([\d.]+) s through `predict`, about ([\d,]+) times"
    )
    ((ms, s, times),) = re.findall(pattern, text("README.md"))
    assert_rounded(ms, us / 1000)
    assert_rounded(s, seconds)
    assert float(times.replace(",", "")) == round(float(ratio.replace(",", "")), -2)
    ratios = [int(row["ratio to predict"].replace(",", "")) for row in rows]
    pattern = r"from ([\d,]+) to ([\d,]+) times"
    for page in ("docs/comparison.rst", "docs/guide/exact_certificates.rst"):
        assert_says(page, pattern, min(ratios), max(ratios))


def test_lenet():
    path = REPRODUCED / "nets_mnist.md"
    rows = path.read_text(encoding="utf-8").splitlines()
    found = [cells(row)[:3] for row in rows if row.startswith("| sigma ")]
    assert [name for name, _, _ in found] == ["sigma 0.25", "sigma 0.5", "sigma 1"]
    ours = [radius.split()[0] for _, radius, _ in found]
    numbers = r"(\.\d+), (\d\.\d+) and (\d\.\d+)"
    assert_says("README.md", f"average certified radii of {numbers} at", *ours)
    assert_says("README.md", f"after 90 epochs, are {numbers}", *(theirs for _, _, theirs in found))


@pytest.mark.parametrize(
    ("pair", "pattern"),
    [
        (
            "1 against 5",
            r"fives: accuracy ([\d.]+), certified at radius 1 ([\d.]+), .*? ([\d.]+)\. ",
        ),
        ("2 against 6", r"sixes: ([\d.]+), ([\d.]+) and ([\d.]+),"),
    ],
)
def test_pairs_of_digits(pair, pattern):
    (row,) = (row for row in table(RESULTS / "exact_pairs.md", "pair") if row["pair"] == pair)
    accuracy, radius = (
        row[f"{name} (theirs)"].split()[0] for name in ("accuracy", "average radius")
    )
    assert_says("docs/guide/exact_certificates.rst", pattern, accuracy, row["at 1.0"], radius)
