"""Closed forms: class probabilities under noise that are computed, not sampled.

Each `Form` reads one kind of scikit-learn model from the inside and bounds the probability of each
class under Gaussian noise, outward: no draws, no failure probability. What is read is compared with
what the model answers. To add a kind, write a `Form` and name it in `FORMS`.
"""

from .closed import ClosedForm, DisagreementError, GapsError, Part
from .form import Form, NotClosedError
from .forms.additive import Additive
from .forms.boxes import Boxes
from .forms.cells import Cells
from .forms.grid import Grid, SmallGrid
from .forms.leaves import Leaves
from .forms.line import Line
from .forms.linear import Linear
from .forms.quadratic import Quadratic
from .forms.refit import refit_leaves
from .forms.sums import Sums
from .law import Law
from .numerics.laws import law_of
from .numerics.normal import FLOOR
from .outputs import ClosedOutput, OutputForm, output_form
from .reading import closed_form

__all__ = [
    "FLOOR",
    "FORMS",
    "OUTPUT_FORMS",
    "ClosedForm",
    "ClosedOutput",
    "DisagreementError",
    "Form",
    "GapsError",
    "Law",
    "NotClosedError",
    "OutputForm",
    "Part",
    "closed_form",
    "law_of",
    "output_form",
    "refit_leaves",
]

# in the order in which they are tried
FORMS: list[type[Form]] = [Linear, Boxes, Quadratic, SmallGrid, Additive, Grid]
# of regressors
OUTPUT_FORMS: list[type[OutputForm]] = [Line, Leaves, Sums, Cells]
