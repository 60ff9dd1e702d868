"""Callbacks of scikit-learn 1.9 and later; in older versions there are none.

Those set on a smoother, or on a search around it, follow its ``fit`` and go on to the base's.
Sampling is no fit: of all callbacks, only bars are told of the draws that `certify` makes, and
those that ask for it by an attribute ``follows_draws``.
"""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from ..backends import is_frozen
from ..sampling import Report

try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar
except ImportError:
    ProgressBar = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, which this version does not have."""


__all__ = ["CallbackSupportMixin", "fitting", "telling_bars"]

_STEPS = 100


@contextlib.contextmanager
def fitting(clf: Any, base: Any, X: Any, y: Any) -> Iterator[None]:
    """Context in which ``fit`` fits the base, both as tasks of the callbacks."""
    if ProgressBar is None:
        yield
        return
    whole = clf._init_callback_context(max_subtasks=1)
    whole.call_on_fit_task_begin(estimator=clf, X=X, y=y)
    if is_frozen(base):  # it is not fitted
        yield
    else:
        part = whole.subcontext(task_name="fit-base")
        with part.propagate_callback_context(base):
            part.call_on_fit_task_begin(estimator=clf, X=X, y=y)
            yield
        part.call_on_fit_task_end(estimator=clf, X=X, y=y)
    whole.call_on_fit_task_end(estimator=clf, X=X, y=y, reconstruction_attributes={})


def _bars_of(clf: Any) -> list[Any]:
    """Return the bars, and what follows draws, among the callbacks set on an estimator."""
    if ProgressBar is None:
        return []
    return [
        callback
        for callback in getattr(clf, "_skl_callbacks", [])
        if isinstance(callback, ProgressBar) or getattr(callback, "follows_draws", False)
    ]


@contextlib.contextmanager
def telling_bars(clf: Any, total: int, others: Report | None) -> Iterator[Report | None]:
    """Yield what is told of draws, out of `total`, and tells an estimator's bars and `others`."""
    bars = _bars_of(clf)
    if not bars:
        yield others
        return
    asked = copy.copy(clf).set_callbacks(*bars)  # not the callbacks that are for fit alone
    task = asked._init_callback_context(task_name="certify", max_subtasks=_STEPS)
    done = told = 0

    def report(draws: int) -> None:
        nonlocal done, told
        done += draws
        for _ in range(min(done * _STEPS // total, _STEPS) - told):
            step = task.subcontext(task_name="draws")
            step.call_on_fit_task_begin(estimator=asked)
            step.call_on_fit_task_end(estimator=asked)
            told += 1
        if others is not None:
            others(draws)

    try:
        task.call_on_fit_task_begin(estimator=asked)
        yield report
        task.call_on_fit_task_end(estimator=asked)
    finally:
        for bar in bars:
            bar.teardown(asked, task)
