"""Closed forms: class probabilities under noise that are computed, not sampled.

Each `Form` reads one kind of scikit-learn model from the inside and bounds the probability of each
class under Gaussian noise, outward: no draws, no failure probability. What is read is compared with
what the model answers. To add a kind, write a `Form` and name it in `FORMS`.
"""

from .boxes import Boxes
from .closed import ClosedForm, DisagreementError, closed_form
from .form import Form, NotClosedError
from .grid import Grid
from .law import Law
from .linear import Linear
from .normal import FLOOR
from .quadratic import Quadratic

__all__ = [
    "FLOOR",
    "FORMS",
    "ClosedForm",
    "DisagreementError",
    "Form",
    "Law",
    "NotClosedError",
    "closed_form",
]

# in the order in which they are tried
FORMS: tuple[type[Form], ...] = (Linear, Boxes, Quadratic, Grid)
