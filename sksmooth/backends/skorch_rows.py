"""Rows that are not in memory, as what skorch trains nets on."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ..rows import Rows

__all__ = ["NetRows"]


class NetRows(Dataset):
    """Rows and targets, read one by one; a map-style data set of torch.

    Parameters
    ----------
    rows : Rows
        Read anew whenever they are asked for, so that random transforms of a data set act anew too.
    targets : ndarray of shape (n_samples,)
        What the net's criterion takes.
    dtype : torch.dtype or None
        Precision of the net; None leaves rows in theirs.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sksmooth.backends.skorch_rows import NetRows
    >>> from sksmooth.rows import Rows
    >>> rows = Rows(np.array([[1, 2], [3, 4]], dtype=np.uint8))
    >>> data = NetRows(rows, np.array([1, 0]), torch.float32)
    >>> row, target = data[1]
    >>> row, int(target)
    (tensor([3., 4.]), 0)
    """

    def __init__(self, rows: Rows, targets: NDArray[Any], dtype: torch.dtype | None) -> None:
        self.rows, self.targets, self.dtype = rows, targets, dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, Any]:
        row = self.rows.row(i)
        if row.dtype.kind == "f" and not np.all(np.isfinite(row)):
            raise ValueError(f"Row {i} of X has values that are NaN or infinite.")
        # a copy, because torch refuses memory maps, which may not be written to
        return torch.from_numpy(row.copy()).to(self.dtype), self.targets[i]
