"""Writes templates.golden.json: what the network makes of templates, and the incoming triangle multiplication, written anew with NumPy after
the supplement (algorithms 11 to 17, table 1, section 1.7.1; weights by their official names, as of google-deepmind/alphafold), in float64.
Run: python3 templates.golden.py (numpy)"""
import json
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent

R, T = 5, 3
C_M, C_Z, C_T = 7, 6, 4
BLOCKS, MULTIPLICATION, HEADS, WIDTH, FACTOR = 2, 5, 2, 3, 2
POINTWISE_HEADS, POINTWISE_WIDTH = 3, 2

LETTERS = "ARNDCQEGHILKMFPSTWYV"
ATOMS = ("N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3"
         " NZ OXT").split()
# Atoms of the torsions of the side chains used here, from CA's neighbour N on.
CHIS = {
    "R": "N CA CB CG CD NE CZ", "D": "N CA CB CG OD1", "F": "N CA CB CG CD1", "V": "N CA CB CG1", "I": "N CA CB CG1 CD1",
    "K": "N CA CB CG CD CE NZ", "P": "N CA CB CG CD", "S": "N CA CB OG", "W": "N CA CB CG CD1",
}  # fmt: skip
HALF_TURN = {"D": 1, "F": 1}  # chi2 of these is the same after half a turn

# Rows of templates: X is unknown, - a gap.
AATYPES = ["RGD-F", "KXPVG", "SIAWD"]
# Atoms that are not known: of the gap none is.
MISSING = [(0, 3, ATOMS), (0, 0, ["CD"]), (1, 1, ["CB"]), (1, 4, ["O"]), (2, 2, ["CA"])]
TEMPLATE_MASK = np.array([1.0, 0.0, 1.0])
PAIR_MASK = np.outer([1, 1, 0, 1, 1], [1, 1, 0, 1, 1]).astype(float)


def some(shape, seed):
    """As `some` of reference.ts."""
    return np.sin(12.9898 * (np.arange(np.prod(shape)) + 1) + 78.233 * seed).reshape(shape)


def weight(path, shape):
    """An array by its name."""
    seed = sum((k + 1) * ord(letter) for k, letter in enumerate(path)) % 997
    return some(shape, seed) * 0.5


class Scope:
    def __init__(self, path):
        self.path = path

    def __call__(self, name):
        return Scope(f"{self.path}/{name}")

    def w(self, name, *shape):
        return weight(f"{self.path}/{name}", shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def linear(x, scope, outputs):
    return x @ scope.w("weights", x.shape[-1], outputs) + scope.w("bias", outputs)


def norm(x, scope):
    x = x - x.mean(-1, keepdims=True)
    c = x.shape[-1]
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * scope.w("scale", c) + scope.w("offset", c)


def triangle_multiplication(z, mask, scope, outgoing):
    """Algorithms 11 and 12: a belongs to i, b to j. The official names call a left in the first and right in the second."""
    x = norm(z, scope("layer_norm_input"))

    def edges(side):
        gate = sigmoid(linear(x, scope(f"{side}_gate"), MULTIPLICATION))
        return mask[..., None] * gate * linear(x, scope(f"{side}_projection"), MULTIPLICATION)

    a, b = (edges("left"), edges("right")) if outgoing else (edges("right"), edges("left"))
    n = len(z)
    sums = np.zeros((n, n, MULTIPLICATION))
    for i in range(n):
        for j in range(n):
            for k in range(n):
                sums[i, j] += a[i, k] * b[j, k] if outgoing else a[k, i] * b[k, j]
    out = linear(norm(sums, scope("center_layer_norm")), scope("output_projection"), z.shape[-1])
    return sigmoid(linear(x, scope("gating_linear"), z.shape[-1])) * out


def triangle_attention(z, mask, scope, starting):
    """Algorithms 13 and 14."""
    x = norm(z, scope("query_norm"))
    c = z.shape[-1]
    b = x @ scope.w("feat_2d_weights", c, HEADS)
    att = scope("attention")
    q = np.einsum("ijc,chd->ijhd", x, att.w("query_w", c, HEADS, WIDTH)) / np.sqrt(WIDTH)
    k = np.einsum("ijc,chd->ijhd", x, att.w("key_w", c, HEADS, WIDTH))
    v = np.einsum("ijc,chd->ijhd", x, att.w("value_w", c, HEADS, WIDTH))
    g = sigmoid(np.einsum("ijc,chd->ijhd", x, att.w("gating_w", c, HEADS, WIDTH)) + att.w("gating_b", HEADS, WIDTH))
    n = len(z)
    out = np.zeros_like(q)
    for i in range(n):
        for j in range(n):
            for h in range(HEADS):
                if starting:
                    scores = np.array([q[i, j, h] @ k[i, l, h] + b[j, l, h] + 1e9 * (mask[i, l] - 1) for l in range(n)])
                    out[i, j, h] = softmax(scores) @ v[i, :, h]
                else:
                    scores = np.array([q[i, j, h] @ k[l, j, h] + b[l, i, h] + 1e9 * (mask[l, j] - 1) for l in range(n)])
                    out[i, j, h] = softmax(scores) @ v[:, j, h]
    return np.einsum("ijhd,hdo->ijo", out * g, att.w("output_w", HEADS, WIDTH, c)) + att.w("output_b", c)


def transition(x, scope):
    """Algorithm 15."""
    c = x.shape[-1]
    inner = np.maximum(linear(norm(x, scope("input_layer_norm")), scope("transition1"), FACTOR * c), 0)
    return linear(inner, scope("transition2"), c)


def template_pair_stack(t, mask, scope):
    """Algorithm 16, its last normalisation included."""
    for block in range(BLOCKS):
        w = scope(f"template_pair_stack/__layer_stack_no_state/{block}")
        t = t + triangle_attention(t, mask, w("triangle_attention_starting_node"), True)
        t = t + triangle_attention(t, mask, w("triangle_attention_ending_node"), False)
        t = t + triangle_multiplication(t, mask, w("triangle_multiplication_outgoing"), True)
        t = t + triangle_multiplication(t, mask, w("triangle_multiplication_incoming"), False)
        t = t + transition(t, w("pair_transition"))
    return norm(t, scope("output_layer_norm"))


def template_pointwise_attention(templates, z, scope):
    """Algorithm 17: without gates."""
    q = np.einsum("ijc,chd->ijhd", z, scope.w("query_w", C_Z, POINTWISE_HEADS, POINTWISE_WIDTH)) / np.sqrt(POINTWISE_WIDTH)
    k = np.einsum("tijc,chd->tijhd", templates, scope.w("key_w", C_T, POINTWISE_HEADS, POINTWISE_WIDTH))
    v = np.einsum("tijc,chd->tijhd", templates, scope.w("value_w", C_T, POINTWISE_HEADS, POINTWISE_WIDTH))
    scores = np.einsum("ijhd,tijhd->ijht", q, k) + 1e9 * (TEMPLATE_MASK - 1)
    found = np.einsum("ijht,tijhd->ijhd", softmax(scores), v)
    return np.einsum("ijhd,hdo->ijo", found, scope.w("output_w", POINTWISE_HEADS, POINTWISE_WIDTH, C_Z)) + scope.w("output_b", C_Z)


def types(sequence):
    return [LETTERS.index(s) if s in LETTERS else 20 if s == "X" else 21 for s in sequence]


def pair_features(sequence, positions, mask):
    """template_pair_feat of table 1; the unit vectors are left out, as in AlphaFold's code."""
    beta = [1 if s == "G" else 3 for s in sequence]
    edges = np.linspace(3.25, 50.75, 39) ** 2
    out = np.zeros((R, R, 88))
    for i in range(R):
        for j in range(R):
            if not all(mask[r, a] for r in (i, j) for a in (0, 1, 2)):
                continue
            squared = ((positions[i, beta[i]] - positions[j, beta[j]]) ** 2).sum()
            out[i, j, :39] = (squared > edges) & (squared < [*edges[1:], 1e8])
            out[i, j, 39] = mask[i, beta[i]] * mask[j, beta[j]]
            out[i, j, 40 + types(sequence)[j]] = 1
            out[i, j, 62 + types(sequence)[i]] = 1
            out[i, j, 87] = 1
    return out


def torsion(points):
    """(sin, cos) by three vectors; (0, 0) for points that coincide. The small term is AlphaFold's."""
    a, b, c, d = points
    unit = lambda v: v / np.sqrt((v**2).sum() + 1e-8)
    x = unit(c - b)
    y = unit((a - c) - x * (x @ (a - c)))
    sin, cos = np.cross(x, y) @ (d - c), y @ (d - c)
    return np.array([sin, cos]) / np.sqrt(sin**2 + cos**2 + 1e-8)


def angle_features(sequence, positions, mask):
    """template_angle_feat of table 1, and which psi there are."""
    out, psi = np.zeros((R, 57)), np.zeros(R)
    before = lambda x, i: x[i - 1] if i else np.zeros_like(x[0])
    for i, letter in enumerate(sequence):
        p, m, q, n = positions[i], mask[i], before(positions, i), before(mask, i)
        quads = [
            ([q[1], q[2], p[0], p[1]], n[1] * n[2] * m[0] * m[1]),
            ([q[2], p[0], p[1], p[2]], n[2] * m[0] * m[1] * m[2]),
            ([p[0], p[1], p[2], p[4]], m[0] * m[1] * m[2] * m[4]),
        ]
        way = [ATOMS.index(a) for a in CHIS.get(letter, "").split()]
        for k in range(4):
            four = way[k : k + 4]
            # What a type has not is measured between four times the same atom.
            quads.append((p[four], m[four].prod()) if len(four) == 4 else ([p[0]] * 4, 0))
        angles = np.array([torsion(points) for points, _ in quads])
        angles[2] *= -1  # psi by O, opposite the next N
        other = angles.copy()
        if letter in HALF_TURN:
            other[3 + HALF_TURN[letter]] *= -1
        out[i] = [*np.eye(22)[types(sequence)[i]], *angles.flat, *other.flat, *(known for _, known in quads)]
        psi[i] = quads[2][1]
    return out, psi


positions = some((T, R, 37, 3), 8) * 10
atom_mask = np.ones((T, R, 37))
for t, i, names in MISSING:
    atom_mask[t, i, [ATOMS.index(name) for name in names]] = 0
z = some((R, R, C_Z), 1)
top = Scope("template_embedding")
one = top("single_template_embedding")
pair = [pair_features(*given) for given in zip(AATYPES, positions, atom_mask)]
stacked = np.stack([template_pair_stack(linear(f, one("embedding2d"), C_T), PAIR_MASK, one) for f in pair])
angle = [angle_features(*given) for given in zip(AATYPES, positions, atom_mask)]
rows = np.maximum(linear(np.stack([f for f, _ in angle]), Scope("template_single_embedding"), C_M), 0)
cases = {
    "aatype": [types(s) for s in AATYPES],
    "atomMask": atom_mask.reshape(T, -1),
    "pairFeatures": pair,
    "embedded": stacked,
    "pairs": template_pointwise_attention(stacked, z, top("attention")),
    "rows": linear(rows, Scope("template_projection"), C_M),
    "rowMask": np.stack([m for _, m in angle]),
    "incoming": triangle_multiplication(z, PAIR_MASK, Scope("incoming"), False),
    "outgoing": triangle_multiplication(z, PAIR_MASK, Scope("outgoing"), True),
}
# Seven digits, without zeros behind the point.
brief = lambda v: [brief(x) for x in v] if isinstance(v, list) else int(v) if v == int(v) else round(v, 7)
golden = {name: brief(np.asarray(value).tolist()) for name, value in cases.items()}
(here / "templates.golden.json").write_text(json.dumps(golden) + "\n")
