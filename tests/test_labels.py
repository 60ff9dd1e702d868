import numpy as np
import pytest

from sksmooth.labels import choose_abstain_label, decode


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (np.array([0, 1]), -1),
        (np.array([-1, 1]), -2),
        (np.array([-3, -2, -1]), -4),
        (np.array([0, 1], dtype=np.uint8), -1),
        (np.array([False, True]), -1),
        (np.array([0.0, 1.0]), -1.0),
        (np.array([-1.0, 1.0]), -2.0),
        (np.array(["a", "b"]), "abstain"),
        (np.array(["abstain", "b"]), "_abstain_"),
        (np.array(["a", "b"], dtype=object), "abstain"),
    ],
)
def test_auto(classes, expected):
    label = choose_abstain_label(classes, "auto")
    assert label == expected
    assert type(label) is type(expected)
    assert label not in classes.tolist()


@pytest.mark.parametrize(
    ("classes", "requested"),
    [(np.array([0, 1]), 99), (np.array(["a"]), "none"), (np.array([0.5]), -3)],
)
def test_explicit(classes, requested):
    assert choose_abstain_label(classes, requested) == requested


@pytest.mark.parametrize(
    ("classes", "others", "expected"),
    [
        (np.array([0, 1]), np.array([-1, 0, 1]), -2),
        (np.array([0, 1]), np.array([-2, -1, 1]), -3),
        (np.array([0.0, 1.0]), np.array([-1.0, 1.0]), -2.0),
        (np.array(["a"]), np.array(["a", "abstain"]), "_abstain_"),
        (np.array(["a"], dtype=object), np.array(["b"]), "abstain"),
    ],
)
def test_auto_is_no_other_label_either(classes, others, expected):
    assert choose_abstain_label(classes, "auto", others=others) == expected


def test_none_means_never():
    assert choose_abstain_label(np.array([0, 1]), None) is None


@pytest.mark.parametrize(
    ("classes", "requested", "message"),
    [
        (np.array([0, 1]), 1, "is one of the classes"),
        (np.array(["a", "b"]), "b", "is one of the classes"),
        (np.array([-1.0, 1.0]), -1, "is one of the classes"),
        (np.array([0, 1]), "no", "expected an integer"),
        (np.array([0, 1]), 0.5, "expected an integer"),
        (np.array([0, 1]), float("nan"), "expected an integer"),
        (np.array([0.0, 1.0]), float("nan"), "expected a finite number"),
        (np.array(["a", "b"]), -1, "expected a string"),
        (np.array([3, 4]), True, "expected an integer"),
    ],
)
def test_a_label_that_cannot_be_told_apart_is_refused(classes, requested, message):
    with pytest.raises(ValueError, match=message):
        choose_abstain_label(classes, requested)


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        (np.array([0, 1]), np.int64),
        (np.array([0, 255], dtype=np.uint8), np.int64),
        (np.array([False, True]), np.int64),
        (np.array([0, 7], dtype=np.uint64), np.int64),
        (np.array([0.0, 1.0]), np.float64),
        (np.array(["ab", "cd"]), np.dtype("<U7")),
        (np.array(["ab", "cd"], dtype=object), np.dtype(object)),
    ],
)
def test_decode_keeps_the_label_whole(classes, dtype):
    label = choose_abstain_label(classes, "auto")
    labels = decode(np.array([0, 1, 1]), np.array([False, False, True]), classes, label)
    assert labels.dtype == dtype
    assert labels.tolist() == [*classes.tolist(), label]


def test_decode_without_a_label():
    classes = np.array(["ab", "cd"])
    labels = decode(np.array([0, 1]), np.array([False, True]), classes, None)
    assert labels.tolist() == ["ab", "cd"]
