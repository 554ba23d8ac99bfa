import { ArgumentError, eigh, matmul, type Tensor, tensor } from "@gradus/tensor";

/** How alike two sets of pictures are, told by their features [N][F]. */
export interface Fidelity {
  /** Fréchet's distance of normal distributions with the sets' means and covariances (Heusel et al. 2017, §2): 0 for equal ones. */
  readonly frechet: number;
  /** Share of the made pictures that lie among the real ones (Kynkäänniemi et al. 2019, equations 1 and 2). */
  readonly precision: number;
  /** Share of the real pictures that lie among the made ones. */
  readonly recall: number;
}

/** Compares features of made pictures with those of real ones. ArgumentError for fewer than `neighbours` + 1 of either. */
export async function fidelity(real: readonly Float32Array[], made: readonly Float32Array[], neighbours = 3): Promise<Fidelity> {
  for (const [name, set] of Object.entries({ real, made }))
    if (set.length <= neighbours)
      throw new ArgumentError("fidelity", `there are ${set.length} ${name} pictures`, `Give more than ${neighbours}`);
  return {
    frechet: await frechet(real, made),
    precision: within(real, made, neighbours),
    recall: within(made, real, neighbours),
  };
}

/** |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½); the trace of the root is that of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric. */
async function frechet(a: readonly Float32Array[], b: readonly Float32Array[]): Promise<number> {
  const [one, two] = [moments(a), moments(b)];
  const root = await symmetricRoot(one.covariance);
  const { eigenvalues } = eigh(matmul(matmul(root, two.covariance), root));
  const roots = Array.from(await eigenvalues.data(), Number).reduce((sum, v) => sum + Math.sqrt(Math.max(0, v)), 0);
  const trace = async (m: Tensor): Promise<number> => Number(await m.trace().item());
  const mean = one.mean.reduce((sum, v, i) => sum + (v - two.mean[i]!) ** 2, 0);
  return Math.max(0, mean + (await trace(one.covariance)) + (await trace(two.covariance)) - 2 * roots);
}

function moments(set: readonly Float32Array[]): { readonly mean: Float64Array; readonly covariance: Tensor } {
  const F = set[0]!.length;
  const mean = new Float64Array(F);
  for (const row of set) for (let i = 0; i < F; i++) mean[i] = mean[i]! + row[i]! / set.length;
  const covariance = new Float64Array(F * F);
  for (const row of set)
    for (let i = 0; i < F; i++)
      for (let j = 0; j < F; j++) covariance[i * F + j]! += ((row[i]! - mean[i]!) * (row[j]! - mean[j]!)) / (set.length - 1);
  return { mean, covariance: tensor(covariance).reshape([F, F]) };
}

async function symmetricRoot(m: Tensor): Promise<Tensor> {
  const { eigenvalues, eigenvectors } = eigh(m);
  return matmul(eigenvectors.mul(eigenvalues.clip(0, null).sqrt()), eigenvectors.swapaxes(0, 1));
}

/** The share of `points` that lie as near to one of `among` as its so-many-th neighbour there does. */
function within(among: readonly Float32Array[], points: readonly Float32Array[], neighbours: number): number {
  const reach = among.map((a, i) => {
    const distances = Float64Array.from(among, (b, j) => (i === j ? Infinity : distance(a, b))).sort();
    return distances[neighbours - 1]!;
  });
  return points.filter((p) => among.some((a, i) => distance(a, p) <= reach[i]!)).length / points.length;
}

/** Squared. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}
