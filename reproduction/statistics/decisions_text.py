"""The words and tables around the figures of `decisions`."""

from typing import Any

from benchmarks.page import table, verdict

__all__ = ["to_blocks"]

_SETTING = """\
Rows: the authors' CIFAR-10 logs whose noise in training and in testing is the same, 500 rows
each. A printed radius gives back the count that it came from, to some 60 of 100,000 votes, and so
the probability p of the top class. (The logs were made with alpha 0.001 at sigma 0.12 and 0.01
otherwise, as their largest radii show; the log of sigma 1 has no unanimous row, 0.01 is assumed.)

**An assumption, not data:** abstaining rows carry no radius. Their p is spread evenly over [.505
- w, .505], with w such that the density just above .505 goes on below it. Further down is what
comes out if it is otherwise. Their true label is not known to be the top class: they never count
as right.

Votes are simulated: ten classes, the runner-up with .7 of what the top class leaves (but no more
than the top class), the rest evenly; {replicates} replicates of each log. Both rules see the same
draws: `sksmooth.certificate.stopping.GroupSequential` with alpha {alpha}, at most 100,000 draws and
no draws for selection, and the paper's rule, 100,000 draws, with the top class known to it. Saving
is 100,000 over the mean number of draws; loss is certified accuracy of the paper's rule less that
of ours, percentage points (rows whose prediction is wrong are drawn for, but cannot be lost)."""

_CURTAILED = """\
"Curtailed" is `sksmooth.certificate.stopping.Curtailed`, the default of `certify`: the same
certificates as with 100,000 draws, radii included, so it does not depend on the radius that one
asks for."""

_ORIGIN = """\
The targets come from a study of seven logs. Three of them, of ImageNet, are not at hand here; in
the study they were a little cheaper (49.4x, mean of 13 cells) than the four of CIFAR-10 (46.8x, 20
cells). Its rule knew the top class; taking the class from the same draws, as is done here, raised
the study's mean loss from 0.029 to 0.034 pp and its draws by 1 %."""


def to_blocks(figures: dict[str, Any]) -> list[str]:
    """Return the page's blocks."""
    total = figures["totals"]
    return [
        _SETTING.format(replicates=figures["replicates"], alpha=figures["alpha"]),
        "## Totals",
        _totals(total),
        _where(figures["logs"]),
        _ORIGIN,
        "## One radius at a time",
        _cells(figures["logs"]),
        _CURTAILED,
        "## All the paper's radii of a sigma from one run",
        _sets(figures["logs"], total),
        "## What the assumption does, and a few more draws",
        f"Simulated as above, with {figures['variant_replicates']} replicates; certified accuracy "
        "is always compared with that of 100,000 draws.",
        _variants(figures["variants"], total),
        "## Early abstention",
        _early(figures["early_abstention"]),
    ]


def _totals(total: dict[str, Any]) -> str:
    lines = [
        _line("one radius, mean of the cells", total, "", 45, 0.03),
        _line("all radii of a sigma in one run", total, "set_", 9, None),
    ]
    return table(["task", "mean draws", "saving (95 %)", "mean loss (95 %)", "target"], lines)


def _where(logs: dict[str, Any]) -> str:
    cells = [
        (loss, f"sigma {float(sigma):.2f}, radius {r}")
        for sigma, log in logs.items()
        for r, loss in zip(log["radii"], log["loss_pp"], strict=True)
    ]
    cells.sort(reverse=True)
    share = sum(loss for loss, _ in cells[:3]) / sum(loss for loss, _ in cells)
    worst = "; ".join(f"{name} ({loss:.3f} pp)" for loss, name in cells[:3])
    return (
        f"Of the loss at one radius, {100 * share:.0f} % are in three of the {len(cells)} cells: "
        f"{worst}. What is lost are rows close to the edge: the last look has less than alpha, and "
        "rows that hardly can be certified are given up. The intervals are over rows (bootstrap, "
        "the same rows in all cells of a log)."
    )


def _line(
    task: str, total: dict[str, Any], prefix: str, saving: float, loss: float | None
) -> list[str]:
    low, high = total[f"{prefix}saving_interval"]
    lowest, highest = total[f"{prefix}loss_pp_interval"]
    target = f"{saving}x, {verdict(total[f'{prefix}saving'] >= saving)}"
    if loss is not None:
        target += f"; {loss} pp, {verdict(total[f'{prefix}loss_pp'] <= loss)}"
    return [
        task,
        f"{total[f'{prefix}mean_draws']:,.0f}",
        f"**{total[f'{prefix}saving']:.1f}x** ({low:.1f} to {high:.1f})",
        f"**{total[f'{prefix}loss_pp']:.3f} pp** ({lowest:.3f} to {highest:.3f})",
        target,
    ]


def _cells(logs: dict[str, Any]) -> str:
    lines = []
    for sigma, log in logs.items():
        for i, r in enumerate(log["radii"]):
            lines.append(
                [
                    f"{float(sigma):.2f}",
                    r,
                    f"{log['fixed_accuracy'][i]:.3f}",
                    f"{log['mean_draws'][i]:,.0f}",
                    f"{log['median_draws'][i]:,.0f}",
                    f"{1e5 / log['mean_draws'][i]:.0f}x",
                    f"{log['loss_pp'][i]:+.3f}",
                    f"{100 * log['share_at_cap'][i]:.2f} %",
                    f"{log['curtailed_mean_draws']:,.0f}",
                ]
            )
    head = ["sigma", "radius", "certified accuracy, 100,000 draws", "mean draws", "median draws"]
    return table([*head, "saving", "loss, pp", "rows with all draws", "curtailed"], lines)


def _sets(logs: dict[str, Any], total: dict[str, Any]) -> str:
    lines = [
        [
            f"{float(sigma):.2f}",
            len(log["radii"]),
            f"{log['mean_draws'][-1]:,.0f}",
            f"{log['median_draws'][-1]:,.0f}",
            f"{1e5 / log['mean_draws'][-1]:.1f}x",
            f"{sum(log['loss_pp_one_run']) / len(log['radii']):+.3f}",
            f"{max(log['loss_pp_one_run']):+.3f}",
        ]
        for sigma, log in logs.items()
    ]
    head = ["sigma", "radii", "mean draws", "median draws", "saving", "mean loss, pp"]
    return table([*head, "largest loss, pp"], lines)


def _variants(variants: dict[str, Any], total: dict[str, Any]) -> str:
    lines = [
        [
            name,
            f"{v['mean_draws']:,.0f}",
            f"{v['saving']:.1f}x",
            f"{v['loss_pp']:.3f}",
            f"{v['largest_loss_pp']:.2f}",
            f"{v['set_saving']:.1f}x",
            f"{v['set_loss_pp']:.3f}",
        ]
        for name, v in {"as above": total, **variants}.items()
    ]
    head = ["", "mean draws", "saving", "mean loss, pp", "largest loss, pp", "saving, all radii"]
    return table([*head, "mean loss, all radii"], lines)


def _early(lines: list[dict[str, float]]) -> str:
    rows = [
        [
            line["p"],
            f"{line['mean_draws']:,.0f}",
            f"{line['median_draws']:,.0f}",
            f"{line['fixed_certifies']:.3f}",
            f"{line['loss']:+.4f}",
        ]
        for line in lines
    ]
    worst = max(line["mean_draws"] for line in lines if line["p"] <= 0.45)
    head = ["p of the top class", "mean draws", "median draws", "100,000 draws certify"]
    return "\n\n".join(
        [
            "Radius 0; the last two columns are shares of the simulated rows.",
            table([*head, "lost"], rows),
            f"Target: up to p = .45 within 1000 draws on average; the most is {worst:,.0f}, "
            f"{verdict(worst <= 1000)}.",
        ]
    )
