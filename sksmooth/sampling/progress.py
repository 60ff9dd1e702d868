"""A progress bar for people: rows done, draws per second, time left."""

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(
    n_rows: int, draws_per_row: int, verbose: int
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar while the context lasts, if `verbose` and somebody can see it.

    Yields a function to be told the number of draws just finished, or None if there is no bar: in
    a log file or a pipe, a bar is noise.
    """
    if not verbose or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(total=n_rows * draws_per_row, unit=" draws", unit_scale=True) as bar:

        def report(draws: int) -> None:
            done = (bar.n + draws) // draws_per_row
            bar.set_postfix_str(f"{done}/{n_rows} rows", refresh=False)
            bar.update(draws)

        yield report
