"""Paired intervals by SciPy, for tests/compare: python3 tests/compare/reference.py > tests/compare/reference.json

Draws pairs of several kinds and sizes and prints them with SciPy's answer (scipy.stats.ttest_rel and its
confidence_interval, scipy.stats.t.ppf), Bonferroni's level for several comparisons, and Fieller's-free linearized
interval of the ratio of means, worked out here with NumPy.
"""

import json

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20261127)
cases = []
for name, draw in [
    ("normal", lambda n: (rng.normal(10, 1, n), rng.normal(10.2, 1, n))),
    ("shared weather", lambda n: (lambda w: (w + rng.normal(0, 0.1, n), 1.02 * w + rng.normal(0, 0.1, n)))(rng.gamma(20, 1, n))),
    ("long tail", lambda n: (rng.lognormal(3, 1, n), rng.lognormal(3.1, 1, n))),
    ("counts", lambda n: (rng.poisson(4, n).astype(float), rng.poisson(5, n).astype(float))),
    ("negative", lambda n: (rng.normal(-3, 1, n), rng.normal(-2, 2, n))),
]:
    for n in (2, 3, 5, 10, 30, 200):
        for level, comparisons in ((0.95, 1), (0.95, 12), (0.99, 3), (0.8, 1)):
            before, now = (np.round(side, 6) for side in draw(n))
            if np.ptp(now - before) == 0:
                continue
            one = 1 - (1 - level) / comparisons
            test = stats.ttest_rel(now, before)
            interval = test.confidence_interval(confidence_level=one)
            ratio = now.mean() / before.mean()
            left = now - ratio * before
            margin = stats.t.ppf(0.5 + one / 2, n - 1) * left.std(ddof=1) / np.sqrt(n) / before.mean()
            spread = (now - before).std(ddof=1)
            quantiles = stats.t.ppf(0.5 + one / 2, n - 1) + stats.t.ppf(0.9, n - 1)
            needed = np.ceil((quantiles * spread / (0.02 * abs(before.mean()))) ** 2)
            cases.append({
                "name": name, "level": level, "comparisons": comparisons,
                "pairs": np.column_stack([before, now]).tolist(),
                "difference": float((now - before).mean()),
                "low": float(interval.low), "high": float(interval.high), "p": float(test.pvalue),
                "ratio": float(ratio) if before.mean() > 0 else None,
                "ratio_margin": float(margin) if before.mean() > 0 else None,
                "pairs_needed": int(min(max(needed, 2), 1e6)),
            })
print(json.dumps({"made_by": f"SciPy {scipy.__version__}, NumPy {np.__version__}", "cases": cases}, separators=(",", ":")))
