"""Values printed in arXiv:1902.02918v2, and why our recomputations may differ from them."""

__all__ = ["RADII", "SUBSET", "TABLE_3", "TABLE_4", "TABLE_4_ROWS", "TRAIN_NOISE_ACR"]

RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)

# Table 3: certified accuracy on CIFAR-10 by sigma, at RADII; "full test set"
TABLE_3 = {
    0.12: (0.83, 0.60, 0.0, 0.0, 0.0, 0.0, 0.0),
    0.25: (0.77, 0.61, 0.42, 0.25, 0.0, 0.0, 0.0),
    0.5: (0.66, 0.55, 0.43, 0.32, 0.22, 0.14, 0.08),
    1.0: (0.47, 0.41, 0.34, 0.28, 0.22, 0.17, 0.14),
}

# The same from the 500-row logs, and then the average certified radius and the share of
# abstentions, by an independent script
SUBSET = {
    0.12: (0.814, 0.586, 0.0, 0.0, 0.0, 0.0, 0.0, 0.2701, 0.038),
    0.25: (0.748, 0.600, 0.428, 0.266, 0.0, 0.0, 0.0, 0.4289, 0.086),
    0.5: (0.652, 0.546, 0.414, 0.320, 0.234, 0.152, 0.094, 0.5375, 0.166),
    1.0: (0.472, 0.392, 0.340, 0.278, 0.216, 0.174, 0.140, 0.5417, 0.290),
}

# Figure 15, left: average certified radius at test noise 0.5, by training noise; the same script
TRAIN_NOISE_ACR = {0.12: 0.091, 0.25: 0.191, 0.5: 0.538, 1.0: 0.503}

# Table 4: outcomes of PREDICT on ImageNet at sigma 0.25 by n: correct and accurate, correct and
# inaccurate, incorrect and accurate, incorrect and inaccurate, abstain
TABLE_4 = {
    100: (0.65, 0.0, 0.23, 0.0, 0.12),
    1000: (0.68, 0.0, 0.28, 0.0, 0.04),
    10_000: (0.69, 0.0, 0.30, 0.0, 0.01),
}
TABLE_4_ROWS = 450  # of the 500 in the logs: what the authors' script takes
