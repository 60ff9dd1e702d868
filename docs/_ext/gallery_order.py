"""The order of the gallery: from the first picture to nets."""

ORDER = [
    "plot_two_dimensions.py",
    "plot_certified_accuracy.py",
    "plot_grid_search_sigma.py",
    "plot_exact_tree.py",
    "plot_exact_boosting.py",
    "plot_per_feature.py",
    "plot_medical_table.py",
    "plot_prediction_sets.py",
    "plot_split_digits.py",
    "plot_mixed_table.py",
    "plot_skorch_cnn.py",
]


class ReadingOrder:
    """Sort key of sphinx-gallery: the place in `ORDER`; files that are not in it come last."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, filename):
        return (ORDER.index(filename) if filename in ORDER else len(ORDER), filename)
