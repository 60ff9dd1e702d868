"""Rows that are not in memory: torch data sets, memory maps, whatever gives rows by number.

`SmoothedClassifier` reads them in chunks, or one by one while a net is trained. What a row gets
depends on its content alone, so chunks cannot change a certificate.

torch is not imported here: a data set of torch cannot exist before the user has imported it.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHUNK_BYTES", "Rows", "as_rows", "chunks"]

CHUNK_BYTES = 2**26  # of values in float32, as nets get them; much more than a batch
_PEEK = 256


class Rows:
    """Rows of one shape, read when they are asked for.

    Parameters
    ----------
    data : Dataset, or array-like that is not in memory
        A map-style data set of torch (``torchvision.datasets.ImageFolder`` for a folder of images)
        whose items are rows, or tuples that begin with a row and a label; an ``np.memmap``; any
        object with ``shape``, ``dtype`` and indexing by slices, as those of h5py or zarr.

    Attributes
    ----------
    shape : tuple of int
        (n_samples, *shape of a row).
    dtype : numpy.dtype
        Of the arrays that it gives.
    ndim : int
        Number of axes.

    Raises
    ------
    ValueError
        If there are no rows, or items are not arrays or tensors, or not of one shape.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from sksmooth.rows import Rows
    >>> rows = Rows(TensorDataset(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0])))
    >>> rows.shape, rows.dtype, rows.labels()
    ((3, 2), dtype('float32'), array([0, 1, 0]))
    >>> rows[1:]
    array([[2., 3.],
           [4., 5.]], dtype=float32)
    """

    def __init__(self, data: Any) -> None:
        if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
            raise ValueError(
                f"{type(data).__name__} must have a length and give rows by their number; an "
                "iterable data set has neither. Use a map-style one."
            )
        if not len(data):
            raise ValueError(f"{type(data).__name__} has no rows.")
        self.data = data
        self.is_array = hasattr(data, "shape") and hasattr(data, "dtype")
        if self.is_array:
            self.shape, self.dtype = tuple(data.shape), np.dtype(data.dtype)
        else:
            first = _row_of(data[0], 0)
            self.shape, self.dtype = (len(data), *first.shape), first.dtype
        if len(self.shape) < 2:
            raise ValueError(
                f"Rows must be arrays, so that {type(data).__name__} would have two axes or more; "
                f"got the shape {self.shape}."
            )

    @property
    def ndim(self) -> int:
        """Number of axes, that of the rows included."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Rows({type(self.data).__name__}, shape={self.shape}, dtype={self.dtype})"

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.row(i) for i in range(len(self)))

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Read rows: a slice, positions, or a mask gives an array of them; a number gives one."""
        if isinstance(rows, int | np.integer):
            return self.row(range(len(self))[rows])
        if self.is_array:
            return np.asarray(self.data[rows])
        return self._stacked(np.arange(len(self))[rows])

    def row(self, i: int) -> NDArray[Any]:
        """Return one row, checked for its shape.

        Parameters
        ----------
        i : int
            Its number.

        Returns
        -------
        row : ndarray
            Of the shape of a row.
        """
        if self.is_array:
            return np.asarray(self.data[i])
        row = _row_of(self.data[i], i)
        if row.shape != self.shape[1:]:
            raise ValueError(
                f"Item {i} of {type(self.data).__name__} has the shape {row.shape}, the first one "
                f"{self.shape[1:]}. Give the data set a transform that makes them alike."
            )
        return row.astype(self.dtype, copy=False)

    def chunks(self, n_bytes: int | None = None) -> Iterator[NDArray[Any]]:
        """Return all rows in order, in arrays of some size.

        Parameters
        ----------
        n_bytes : int, default=None
            About the size of an array, in float32. None stands for `CHUNK_BYTES`.

        Returns
        -------
        chunks : iterator of ndarray
            Of shape (n_rows, *shape of a row).
        """
        n_bytes = CHUNK_BYTES if n_bytes is None else n_bytes
        size = max(1, n_bytes // (4 * int(np.prod(self.shape[1:]))))
        return (self[start : start + size] for start in range(0, len(self), size))

    def peek(self) -> Any:
        """Return rows that show what units and grid they are all in.

        Those of an array are all looked at, as in memory. Items of a data set may take long to make
        and are not read just for that: the first few stand for the others.

        Returns
        -------
        rows : Rows or ndarray
            All rows, or some.
        """
        return self if self.is_array else self[:_PEEK]

    @property
    def has_labels(self) -> bool:
        """Whether items of a data set hold a label beside the row."""
        if self.is_array:
            return False
        item = self.data[0]
        return isinstance(item, tuple | list) and len(item) > 1 and np.ndim(item[1]) == 0

    def numbers(self) -> NDArray[np.int64]:
        """Return the numbers of the rows in the data set that they are a part of.

        Returns
        -------
        numbers : ndarray of shape (n_samples,), int64
            For a ``torch.utils.data.Subset`` its indices, through other subsets; else 0, 1, 2, ...
        """
        return _numbers(self.data)

    def labels(self) -> NDArray[Any]:
        """Return the labels that come with the rows of a data set.

        They are taken from its ``targets``, ``labels`` or ``tensors`` if those agree with a few
        items; otherwise all items are read once.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            In the order of the rows.
        """
        if self.is_array:
            raise ValueError(f"{type(self.data).__name__} has no labels: pass y.")
        sample = np.unique(np.linspace(0, len(self) - 1, 5).astype(int)).tolist()
        found = [_label_of(self.data[i], i) for i in sample]
        known = _known_labels(self.data)
        if known is not None and known[sample].tolist() == found:
            return known
        return np.asarray([_label_of(self.data[i], i) for i in range(len(self))])

    def _stacked(self, numbers: NDArray[np.intp]) -> NDArray[Any]:
        out = np.empty((len(numbers), *self.shape[1:]), dtype=self.dtype)
        for place, i in enumerate(numbers.tolist()):
            out[place] = self.row(i)
        return out


def as_rows(X: Any) -> Rows | None:
    """Return what is known not to be in memory as `Rows`; None for everything else.

    Parameters
    ----------
    X : object
        Anything that might be passed as X.

    Returns
    -------
    rows : Rows or None
        For `Rows`, memory maps and data sets of torch.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.rows import as_rows
    >>> as_rows(np.zeros((2, 3))) is None
    True
    """
    if isinstance(X, Rows):
        return X
    data: Any = sys.modules.get("torch.utils.data")
    if data is not None and isinstance(X, data.DataLoader):
        raise ValueError(
            "X is a DataLoader. Pass its data set, loader.dataset: rows are put into batches here, "
            "and a loader may shuffle them or leave some out. Its transforms are the data set's."
        )
    is_dataset = data is not None and isinstance(X, data.Dataset)
    return Rows(X) if is_dataset or isinstance(X, np.memmap) else None


def chunks(X: Any) -> Iterator[Any]:
    """Return the parts in which X is to be worked on: X itself if it is in memory.

    Parameters
    ----------
    X : object
        Anything that might be passed as X.

    Returns
    -------
    parts : iterator
        Over arrays, in order; or over X alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.rows import chunks
    >>> X = np.zeros((2, 3))
    >>> [part is X for part in chunks(X)]
    [True]
    """
    rows = as_rows(X)
    return iter([X]) if rows is None else rows.chunks()


def _row_of(item: Any, i: int) -> NDArray[Any]:
    """Return the row of an item of a data set."""
    row = item[0] if isinstance(item, tuple | list) and len(item) else item
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(row, torch.Tensor):
        row = (row.float() if row.dtype == torch.bfloat16 else row).detach().cpu().numpy()
    # numpy would make one of a picture too, with the channels last
    if not isinstance(row, np.ndarray) or row.dtype.kind not in "fiub":
        raise ValueError(
            f"Item {i} begins with a {type(row).__name__}; expected a tensor or an array of "
            "numbers. Images need a transform, such as torchvision.transforms.ToTensor()."
        )
    return row


def _numbers(data: Any) -> NDArray[np.int64]:
    if hasattr(data, "indices") and hasattr(data, "dataset"):  # torch's Subset
        return _numbers(data.dataset)[np.asarray(data.indices, dtype=np.int64)]
    return np.arange(len(data))


def _label_of(item: Any, i: int) -> Any:
    if not isinstance(item, tuple | list) or len(item) < 2:
        raise ValueError(
            f"Item {i} of the data set has no label: expected a tuple (row, label). Pass y."
        )
    label = np.asarray(item[1])
    if label.ndim:
        raise ValueError(f"The label of item {i} has the shape {label.shape}; expected a scalar.")
    return label.item()


def _known_labels(data: Any) -> NDArray[Any] | None:
    """Return labels that a data set keeps in one place, if it seems to."""
    if hasattr(data, "indices") and hasattr(data, "dataset"):  # torch's Subset
        inner = _known_labels(data.dataset)
        return None if inner is None else inner[np.asarray(data.indices, dtype=np.intp)]
    tensors = getattr(data, "tensors", ())
    for found in (*(getattr(data, name, None) for name in ("targets", "labels")), *tensors[1:2]):
        if found is None:
            continue
        transform = getattr(data, "target_transform", None)  # of torchvision
        labels = np.asarray(found if transform is None else [transform(y) for y in found])
        if labels.shape == (len(data),) and labels.dtype != object:
            return labels
    return None
