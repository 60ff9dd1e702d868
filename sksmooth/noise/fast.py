"""Whether noise is drawn by compiled loops: where numba is installed, and pays for its import.

The loops give the same bits as numpy. They are compared with it before they are used, so that no
other version of numba can change what is drawn.
"""

import importlib
import importlib.util
import os
import warnings
from typing import Any

from ..exceptions import SpeedWarning

__all__ = ["load", "loops", "note_words", "use"]

# Of Philox, which numpy draws in a quarter of a second, and the noise made of them in about one
# more; to import numba takes half a second.
_PATIENCE = 2**26
_MODULE = "sksmooth.noise.compiled"


class _State:
    words = 0
    loops: Any = None
    tried = False


def loops() -> Any:
    """Return the module of compiled loops; None if noise is drawn by numpy."""
    return _State.loops


def use(found: Any) -> None:
    """Draw by these loops from now on, or by numpy if None, whatever has been drawn: to compare."""
    _State.tried, _State.loops = True, found


def note_words(n: int) -> None:
    """Note that n random words are about to be drawn by numpy; enough of them call for numba."""
    _State.words += n
    if _State.tried or _State.words < _PATIENCE:
        return
    _State.tried = True  # first: others go on by numpy meanwhile, and so does the comparison
    _State.loops = load()


def load() -> Any:
    """Return the compiled loops, if numba is installed and draws as numpy does."""
    if importlib.util.find_spec("numba") is None or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return None
    try:
        found = importlib.import_module(_MODULE)
        reason = None if found.are_right() else "their noise is not numpy's"
    except Exception as error:  # a numba that is not for this numpy, or for this processor
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        warnings.warn(
            f"numba is installed, but its loops cannot be used ({reason}). Noise is drawn by "
            "numpy, as it would be without numba: slower, with the same results.",
            SpeedWarning,
            stacklevel=2,
        )
        return None
    return found
