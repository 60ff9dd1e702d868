"""Binomial tails to more than 40 digits, and cases in which to compare bounds with them."""

import mpmath as mp
import numpy as np

__all__ = ["Case", "cases", "exceeds"]

Case = tuple[int, int, float]  # n, successes, alpha
_BITS = 220


def exceeds(n: int, k: int, p: float, alpha: float, *, simultaneous: bool) -> mp.mpf:
    """Return by how much P(Binomial(n, p) >= k) is above its level, relative to the level."""
    with mp.workdps(70):
        level = mp.mpf(alpha) * (mp.mpf(p) if simultaneous else 1)
        return _tail(n, k, p) / level - 1


def _tail(n: int, k: int, p: float) -> mp.mpf:
    """Sum the terms from k on, in fixed point relative to the first: integers are fast and exact.

    k lies above n * p, so the terms fall. Each is rounded by less than 2**-220 of the first.
    """
    rise, fall = p.as_integer_ratio()
    fall -= rise  # p / (1 - p) = rise / fall without rounding
    term = total = 1 << _BITS
    for j in range(k, n):
        term = term * ((n - j) * rise) // ((j + 1) * fall)
        total += term
        if term >> 30 == 0:  # what is left is below 1e-45 of the sum
            break
    exact = mp.mpf(p)
    first = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    first += k * mp.log(exact) + (n - k) * mp.log1p(-exact)
    return mp.exp(first) * total / (1 << _BITS)


def cases(rng: np.random.Generator, how_many: int) -> list[Case]:
    """Return cases at the corners of what the bounds can meet, and random ones up to `how_many`."""
    chosen = []
    for n in [10, 1000, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9]:
        shares = {n // 1000, n // 100, n // 10, n // 4, n // 2 - 1, n - 10, n - 1}
        for failures in sorted({0, 1, 2, 10, 100, 500, 998, 999, 1000, 1001, 2000} | shares):
            if 0 <= failures < n and (failures < 5000 or n <= 10**7):
                chosen += [(n, n - failures, alpha) for alpha in (0.05, 1e-3, 1e-6, 1e-9, 1e-12)]
    while len(chosen) < how_many:
        n = int(10 ** rng.uniform(1, 9))
        failures = int(n ** rng.random()) if rng.random() < 0.5 else int(rng.integers(n))
        if 0 <= failures < n and (failures < 10**6 or n <= 10**7):  # else the sum takes long
            chosen.append((n, n - failures, float(10 ** rng.uniform(-12, -1))))
    return chosen[:how_many] if how_many >= len(chosen) else chosen[:: len(chosen) // how_many]
