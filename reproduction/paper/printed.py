"""Numbers printed in arXiv:1902.02918v2 beside those of `reproduction.statistics.printed`."""

from ..statistics.printed import RADII, SUBSET, TABLE_3, TABLE_4, TABLE_4_ROWS, TRAIN_NOISE_ACR

__all__ = [
    "ATTACK",
    "RADII",
    "SUBSET",
    "TABLE_1",
    "TABLE_2",
    "TABLE_2_RADII",
    "TABLE_3",
    "TABLE_4",
    "TABLE_4_ROWS",
    "TRAIN_NOISE_ACR",
]

# ImageNet; radius: best sigma, certified accuracy, standard accuracy. The row of radius 2 cannot
# be: sigma 0.5 certifies no radius above 1.906 with n = 100,000. By Table 2 it is 1.0, .19, .44.
TABLE_1 = {0.5: (0.25, 0.49, 0.67), 1.0: (0.5, 0.37, 0.57), 2.0: (0.5, 0.19, 0.57)}
TABLE_1 |= {3.0: (1.0, 0.12, 0.44)}

# ImageNet, by sigma, at TABLE_2_RADII
TABLE_2_RADII = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
TABLE_2 = {
    0.25: (0.67, 0.49, 0.0, 0.0, 0.0, 0.0, 0.0),
    0.5: (0.57, 0.46, 0.37, 0.29, 0.0, 0.0, 0.0),
    1.0: (0.44, 0.38, 0.33, 0.26, 0.19, 0.15, 0.12),
}

# Section 4: ImageNet, sigma 0.25, alpha 0.01: share of the right, certified images near which an
# attack found another answer, by multiples of the radius
ATTACK = {1.5: 0.17, 2.0: 0.53}
