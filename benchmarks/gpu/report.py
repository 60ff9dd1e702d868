"""The measurements as a Markdown page."""

from typing import Any

__all__ = ["to_markdown"]

TARGET_FRACTION = 0.95
_EXPLANATION = """\
Untrained nets, images of bytes / 255, integer noise of sigma 0.25. The net alone is the module in
the same precision and form, its weights too, on batches of the same size that lie prepared on the
device. It is measured before and after each image; the fractions are of the mean, by wall time,
medians over the images. Under autocast, as certify runs it, the weights are float32 and are cast at
each call. Noise alone fills the same batches, and nothing is asked about them."""


def to_markdown(results: dict[str, Any]) -> str:
    """Return the page; `results` is what goes into the JSON file."""
    about = results["about"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        f"# Certification on {about['device']}",
        "",
        f"`{about['command']}`, {about['date']}; {about['device']}, {about['cpu']}.",
        "",
        f"Python {about['python']}, {versions}.",
        "",
        _EXPLANATION,
        "",
    ]
    for case in results["cases"]:
        lines += [*_table(case, results["n"]), ""]
    return "\n".join(lines)


def _table(case: dict[str, Any], n: int) -> list[str]:
    lines = [
        f"## {case['title']}",
        "",
        f"The paper's authors took {case['paper_seconds']:g} s an image at n = 100,000 on an "
        f"RTX 2080 Ti (arXiv:1902.02918). Asked for here: at most {case['target_seconds']:g} s in "
        f"bfloat16 on an H100, and {TARGET_FRACTION} of the net's own rate.",
        "",
        f"| form | batch | net alone, images/s | certify | s an image, n = {n:,} | paper's time / "
        "this | autocast alone | noise alone | draws an image |",
        "|" + "---|" * 9,
    ]
    for form in case["forms"]:
        if "error" in form:
            lines.append(f"| {form['form']} | {form['error']} |" + " |" * 7)
            continue
        faster = case["paper_seconds"] * n / 100_000 / form["seconds"]
        draws = ", ".join(f"{draws:,}" for draws in sorted(set(form["draws"])))
        parts = {name: f"{fraction:.2f}" for name, fraction in form["fractions"].items()}
        lines.append(
            f"| {form['form']} | {form['batch_size']} | {form['rates']['limit']:,.0f} "
            f"| **{parts['certify']}** | **{form['seconds']:.2f}** | {faster:.0f} "
            f"| {parts.get('autocast', '-')} | {parts['noise']} | {draws} |"
        )
    return lines
