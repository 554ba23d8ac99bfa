import { matmul, matrixTranspose, sqrt, type Tensor, type Variable } from "@gradus/tensor";
import { adamStep } from "./adam.ts";
import { Optimizer, type OptimizerArguments, type OptimizerOptions, optimizerRegistry, optionsOf } from "./optimizer.ts";

export interface MuonOptions extends OptimizerOptions {
  readonly adamBeta1?: number;
  readonly adamBeta2?: number;
  readonly epsilon?: number;
  /** Weights whose name contains one of these are updated by Adam, such as the last layer's. */
  readonly excludeLayers?: readonly string[] | null;
  /** Whether weights called "embedding" are updated by Adam; default true. */
  readonly excludeEmbeddings?: boolean;
  readonly muonA?: number;
  readonly muonB?: number;
  readonly muonC?: number;
  /** Adam's learning rate over Muon's; default 0.1. */
  readonly adamLrRatio?: number;
  readonly momentum?: number;
  /** Newton-Schulz rounds. */
  readonly nsSteps?: number;
  readonly nesterov?: boolean;
}

/**
 * Matrices move along their momentum made orthogonal: all singular values brought near 1 by Newton-Schulz rounds (Jordan
 * 2024). Weights that are not of two or three dimensions, and excluded ones, are updated by Adam. Weight decay 0.1 unless told.
 */
export class Muon extends Optimizer {
  static override readonly className = "Muon";
  private readonly choices: Required<Omit<MuonOptions, keyof OptimizerOptions>>;
  private readonly m: Variable[] = [];
  /** Second moments of the weights that Adam updates, null for the others. */
  private readonly v: (Variable | null)[] = [];

  constructor(given: OptimizerArguments<MuonOptions> = {}) {
    const options = optionsOf<MuonOptions>(given);
    const {
      adamBeta1 = 0.9,
      adamBeta2 = 0.999,
      epsilon = 1e-7,
      excludeLayers = null,
      excludeEmbeddings = true,
      muonA = 3.4445,
      muonB = -4.775,
      muonC = 2.0315,
      adamLrRatio = 0.1,
      momentum = 0.95,
      nsSteps = 6,
      nesterov = true,
    } = options;
    const choices = {
      adamBeta1,
      adamBeta2,
      epsilon,
      excludeLayers,
      excludeEmbeddings,
      muonA,
      muonB,
      muonC,
      adamLrRatio,
      momentum,
      nsSteps,
      nesterov,
    };
    super("muon", 0.001, { ...options, weightDecay: options.weightDecay === undefined ? 0.1 : options.weightDecay }, choices);
    this.choices = choices;
  }

  private byAdam({ shape, name = "" }: Variable): boolean {
    const { excludeEmbeddings, excludeLayers } = this.choices;
    if (shape.length < 2 || shape.length > 3) return true;
    if (excludeEmbeddings && name.toLowerCase().includes("embedding")) return true;
    return (excludeLayers ?? []).some((part) => name.includes(part));
  }

  protected override createState(weights: readonly Variable[]): void {
    for (const w of weights) {
      this.m.push(this.stateLike(w, "momentum"));
      this.v.push(this.byAdam(w) ? this.stateLike(w, "velocity") : null);
    }
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const { adamBeta1: beta1, adamBeta2: beta2, epsilon, adamLrRatio, momentum, nesterov } = this.choices;
    const m = this.m[i]!;
    const v = this.v[i];
    if (v) return w.sub(adamStep({ m, v }, g, rate.mul(adamLrRatio), step, { beta1, beta2, epsilon }));
    const next = m.mul(momentum).add(g);
    m.assign(next);
    const direction = this.orthogonalised(nesterov ? g.add(next.mul(momentum)) : next);
    const [rows, columns] = w.shape as [number, number];
    return w.sub(direction.mul(rate.mul(Math.sqrt(Math.max(1, rows / columns)))));
  }

  /** U Vᵀ, roughly, for x = U S Vᵀ (stacks of matrices too): rounds of x ← a x + (b xxᵀ + c (xxᵀ)²) x. */
  private orthogonalised(x: Tensor): Tensor {
    const { muonA, muonB, muonC, nsSteps } = this.choices;
    const tall = x.shape.at(-2)! > x.shape.at(-1)!;
    const wide = tall ? matrixTranspose(x) : x;
    // Brought to a spectral norm of at most 1 first.
    const length = sqrt(wide.square().sum({ axis: [-2, -1], keepdims: true }));
    let y = wide.div(length.add(1e-7));
    for (let round = 0; round < nsSteps; round++) {
      const square = matmul(y, matrixTranspose(y));
      const polynomial = square.mul(muonB).add(matmul(square, square).mul(muonC));
      y = y.mul(muonA).add(matmul(polynomial, y));
    }
    return tall ? matrixTranspose(y) : y;
  }
}

optimizerRegistry.register(Muon, "muon");
