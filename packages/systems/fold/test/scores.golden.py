"""Writes scores.golden.json: superpositions, RMSD, lDDT, TM-score and GDT-TS of made-up chains, by NumPy: superposition by singular value
decomposition, the search for TM-score and GDT-TS written anew after the description of Zhang and Skolnick's program.
Run: python3 scores.golden.py (numpy)"""
import json
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent


def uniform(shape, stream):
    return np.random.default_rng(stream).uniform(size=shape)


def kabsch(p, q):
    """R, t with R p + t near q."""
    pc, qc = p.mean(0), q.mean(0)
    u, _, vt = np.linalg.svd((p - pc).T @ (q - qc))
    d = np.sign(np.linalg.det(u @ vt))
    r = (u @ np.diag([1, 1, d]) @ vt).T
    return r, qc - r @ pc


def rmsd(p, q):
    r, t = kabsch(p, q)
    return float(np.sqrt(((p @ r.T + t - q) ** 2).sum(-1).mean()))


def lddt(p, q, cutoff=15.0):
    dp = np.linalg.norm(p[:, None] - p[None], axis=-1)
    dq = np.linalg.norm(q[:, None] - q[None], axis=-1)
    scored = (dq < cutoff) & ~np.eye(len(p), dtype=bool)
    kept = np.mean([np.abs(dp - dq) < limit for limit in (0.5, 1, 2, 4)], axis=0)
    return float((kept * scored).sum() / scored.sum()), ((kept * scored).sum(1) / np.maximum(scored.sum(1), 1)).tolist()


def superpositions(p, q, d0):
    n = len(p)
    near = min(8.0, max(4.5, d0))
    lengths = []
    for k in range(6):
        length = n // 2**k
        if k == 5 or length <= 4:
            lengths.append(min(4, n))
            break
        lengths.append(length)
    for length in lengths:
        for start in range(n - length + 1):
            chosen = np.arange(start, start + length)
            for rounds in range(21):
                r, t = kabsch(p[chosen], q[chosen])
                d = np.linalg.norm(p @ r.T + t - q, axis=-1)
                yield d
                limit = near - 1 if rounds == 0 else near + 1
                while (d < limit).sum() < 3:
                    limit += 0.5
                again = np.flatnonzero(d < limit)
                if len(again) == len(chosen) and (again == chosen).all():
                    break
                chosen = again


def scale(n):
    return max(0.5, 1.24 * (n - 15) ** (1 / 3) - 1.8) if n > 15 else 0.5


def tm(p, q):
    d0 = scale(len(p))
    return float(max((1 / (1 + (d / d0) ** 2)).mean() for d in superpositions(p, q, d0)))


def gdt(p, q):
    found = np.zeros(4)
    for d in superpositions(p, q, scale(len(p))):
        found = np.maximum(found, [(d <= limit).mean() for limit in (1, 2, 4, 8)])
    return float(found.mean())


def walk(n, stream):
    """A chain of points 3.8 apart that bends smoothly."""
    turns = (uniform((n, 3), stream) - 0.5) * 1.6
    direction = np.array([1.0, 0, 0])
    points = [np.zeros(3)]
    for turn in turns[1:]:
        direction = direction + turn
        direction /= np.linalg.norm(direction)
        points.append(points[-1] + 3.8 * direction)
    return np.array(points)


def motion(stream):
    q = uniform(4, stream) - 0.5
    w, x, y, z = q / np.linalg.norm(q)
    r = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])
    return r, 20 * (uniform(3, stream + 1) - 0.5)


cases = []
for stream, (n, noise, hinge) in enumerate([(12, 0.5, 0), (40, 1.0, 0), (57, 2.5, 0), (60, 0.3, 30), (80, 6.0, 0), (5, 1.0, 0)]):
    q = walk(n, 10 * stream)
    p = q + noise * (uniform((n, 3), 10 * stream + 1) - 0.5)
    if hinge:  # the second half turns about the hinge
        r, _ = motion(10 * stream + 2)
        p[hinge:] = (p[hinge:] - p[hinge]) @ r.T + p[hinge]
    r, t = motion(10 * stream + 4)
    p = np.round(p @ r.T + t, 4)
    q = np.round(q, 4)
    score, per_residue = lddt(p, q)
    cases.append(dict(predicted=p.ravel().tolist(), reference=q.ravel().tolist(), rmsd=rmsd(p, q), lddt=score, perResidue=per_residue,
                      tm=tm(p, q), gdt=gdt(p, q)))
(here / "scores.golden.json").write_text(json.dumps(cases))
