"""A progress bar for people: rows done, draws per second, time left."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

__all__ = ["progress_bar"]

_DELAY = 10.0  # seconds for which nobody needs a bar
_SOON = 1.0  # seconds after which the time left is known well enough
_LONG = 120.0


@contextlib.contextmanager
def progress_bar(
    n_rows: int, draws_per_row: int, verbose: int | None, shorter: str = ""
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar while the context lasts, if it is asked for and somebody can see it.

    Parameters
    ----------
    n_rows, draws_per_row : int
        What is to be done.
    verbose : int or None
        0 shows none, 1 shows one in a terminal or notebook: in a log file or a pipe, a bar is
        noise. None waits for ten seconds, and for somebody who types: a script in a terminal, a
        search's thread and a worker stay silent.
    shorter : str, default=""
        What takes less time, for a note if this will take minutes.

    Yields
    ------
    report : callable or None
        To be told the number of draws just finished; None if there is no bar.
    """
    notebook = "ipykernel" in sys.modules
    shown = notebook or sys.stderr.isatty()
    if verbose is None:
        is_typed = notebook or hasattr(sys, "ps1")
        shown = shown and is_typed and threading.current_thread() is threading.main_thread()
    elif not verbose:
        shown = False
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm

    total, start = n_rows * draws_per_row, time.monotonic()
    delay = _DELAY if verbose is None else 0.0
    is_known = False
    with tqdm(total=total, unit=" draws", unit_scale=True, delay=delay) as bar:

        def report(draws: int) -> None:
            nonlocal is_known
            done = bar.n + draws
            bar.set_postfix_str(f"{done // draws_per_row}/{n_rows} rows", refresh=False)
            bar.update(draws)
            taken = time.monotonic() - start
            if not is_known and taken > _SOON:
                is_known = True
                left = taken / done * (total - done)
                if shorter and left > _LONG:
                    what = f"About {left / 60:.0f} minutes for {n_rows} rows. {shorter}"
                    tqdm.write(what, file=sys.stderr)

        yield report
