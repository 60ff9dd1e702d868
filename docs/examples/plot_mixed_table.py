"""
A certificate for numbers and categories together
=================================================

Rows of a table have numbers, which an attacker may shift a little, and categories, of which an
attacker may change a few. Mixed noise certifies both at once: Gaussian noise on the numbers, and
noise that replaces the categories. For every number of changed columns there is a radius for the
numbers (Delattre et al. 2026), all from one bound.

The table is simulated: who pays a loan back?
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier
from sksmooth.noise import Drop, Flip
from sksmooth.records import Record
from sksmooth.tables import certified_accuracy_table

rng = np.random.default_rng(0)
n = 3000
table = pd.DataFrame(
    {
        "age": rng.normal(45, 12, n),
        "income": rng.lognormal(3, 0.5, n),
        "debt": rng.exponential(8, n),
        "home": rng.integers(3, size=n),  # codes: rented, mortgage, owned
        "job": rng.integers(6, size=n),
        "region": rng.integers(9, size=n),
    }
)
score = table["age"] / 15 + table["income"] / 8 - table["debt"] / 8
score += 0.4 * table["home"] + 0.2 * (table["job"] > 2)
y = np.where(score + rng.normal(scale=0.4, size=n) > score.median(), "pays", "fails")
X_train, X_test, y_train, y_test = train_test_split(table, y, test_size=150, random_state=0)

# %%
# `sigma` says what kind of noise each column gets. With ``units="std"``, the number 0.5 means half
# a standard deviation of the column. Homes and jobs are replaced by others; the region is dropped,
# so that nothing depends on it alone.

sigma = {"*": 0.5, "home": Flip(keep=0.7), "job": Flip(keep=0.7), "region": Drop(drop=0.8)}
base = HistGradientBoostingClassifier(max_iter=30, categorical_features=["home", "job"])
clf = SmoothedClassifier(base, sigma, units="std", n_augment=5, random_state=0)
clf.fit(X_train, y_train)
certificate = clf.certify(X_test, n=2000)
assert certificate.method == "montecarlo"
print(certificate.summary())

# %%
# A curve for each number of changed columns. Where it begins, at radius 0, is the share of rows
# whose label is right, and certified against that many changes alone.

_, ax = plt.subplots(figsize=(6.4, 4))
CertifiedAccuracyDisplay.from_predictions(y_test, certificate, name="", ax=ax)
ax.set_xlabel("L2 radius of the numbers, in standard deviations of the columns")
ax.legend([f"{k} columns changed" for k in range(len(ax.lines))])
plt.show()

# %%
# The same as a table, and what is certified of one row.

record = Record.of(certificate, y_true=y_test)
grid = certified_accuracy_table({"boosting": record}, [0.0, 0.25, 0.5, 1.0], changes=range(4))
print(grid.to_markdown())

row = int(certificate.radii.argmax())
for k in range(int(certificate.max_changes[row]) + 1):
    print(f"{k} changed columns, and a move below {certificate.radii_with(changes=k)[row]:.2f}")

# %%
# A smaller ``keep`` blurs the categories more, so that more of them may change, as long as the
# votes stay decided. Each pair of a radius and a number of changes has its own best noise.

for keep in (0.5, 0.7, 0.9):
    noise = sigma | {"home": Flip(keep=keep), "job": Flip(keep=keep)}
    clf.set_params(sigma=noise).fit(X_train, y_train)
    found = clf.certify(X_test, n=2000)
    shares = [np.mean(found.radii_with(changes=k) >= 0.25) for k in range(4)]
    print(f"keep={keep}: certified at radius 0.25 beside 0 to 3 changes:", np.round(shares, 2))
    assert shares == sorted(shares, reverse=True)
