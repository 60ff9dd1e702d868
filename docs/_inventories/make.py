"""Write ``sklearn.inv``: where scikit-learn's manual has its estimators and functions.

The manual's own inventory could be downloaded; this one is made from the installed package, whose
pages all have the same form of address, so that no build needs a network.
``python docs/_inventories/make.py``.
"""

import pathlib
import zlib

import sklearn
from sklearn.utils.discovery import all_estimators, all_functions

HEAD = f"""# Sphinx inventory version 2
# Project: scikit-learn
# Version: {sklearn.__version__}
# The remainder of this file is compressed using zlib.
"""


def entries():
    kinds = [("class", all_estimators()), ("function", all_functions())]
    for kind, found in kinds:
        for name, thing in found:
            where = f"{thing.__module__.partition('._')[0]}.{name}"
            yield f"{where} py:{kind} 1 modules/generated/$.html#$ -\n"
    yield "sklearn.utils.deprecated py:function 1 modules/generated/$.html#$ -\n"


if __name__ == "__main__":
    lines = "".join(sorted(set(entries())))
    path = pathlib.Path(__file__).with_name("sklearn.inv")
    path.write_bytes(HEAD.encode() + zlib.compress(lines.encode()))
