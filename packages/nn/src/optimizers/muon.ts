import type { Tensor, Variable } from "@gradus/tensor";
import type { Config } from "../serialize.ts";
import { Adam, type AdamOptions } from "./adam.ts";
import { type Optimizer, optimizerRegistry } from "./optimizer.ts";

export interface MuonOptions extends AdamOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** Rounds of the Newton-Schulz iteration. Default 6. */
  readonly nsSteps?: number;
  /** Rate of Adam, which trains everything but matrices, as a multiple of the rate. Default 1. */
  readonly adamLrRatio?: number;
  /** Weights whose names hold one of these are left to Adam; by default embeddings. */
  readonly excludeLayers?: readonly string[];
}

/** Newton-Schulz coefficients of degree 5 (Jordan et al. 2024). */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const;

/**
 * Momentum made orthogonal, for weights of two dimensions and more (the last axis the units), Adam for the others
 * (Jordan et al. 2024). The step is scaled by √max(1, rows / columns).
 */
export class Muon extends Adam {
  static override readonly className = "Muon";
  private readonly muon: Required<Pick<MuonOptions, "momentum" | "nesterov" | "nsSteps" | "adamLrRatio" | "excludeLayers">>;
  private readonly momenta = new Map<number, Variable>();

  constructor(options: MuonOptions | number = {}) {
    const given: MuonOptions = typeof options === "number" ? { learningRate: options } : options;
    super(given, "muon");
    const { momentum = 0.95, nesterov = true, nsSteps = 6, adamLrRatio = 1, excludeLayers = ["embedding"] } = given;
    this.muon = { momentum, nesterov, nsSteps, adamLrRatio, excludeLayers };
  }
  static override fromConfig(config: Config): Optimizer {
    return new Muon(config);
  }

  protected override createState(weights: readonly Variable[]): void {
    super.createState(weights);
    weights.forEach((w, i) => {
      if (this.isMatrix(w)) this.momenta.set(i, this.stateLike(w, "muon_momentum"));
    });
  }

  private isMatrix(w: Variable): boolean {
    return w.ndim >= 2 && w.ndim <= 4 && !this.muon.excludeLayers.some((name) => w.name?.includes(name));
  }

  protected override update(w: Tensor, g: Tensor, rate: Tensor, step: Tensor, i: number): Tensor {
    const state = this.momenta.get(i);
    const { momentum, nesterov, nsSteps, adamLrRatio } = this.muon;
    if (!state) return super.update(w, g, adamLrRatio === 1 ? rate : rate.mul(adamLrRatio), step, i);
    const m = state.mul(momentum).add(g);
    state.assign(m);
    const direction = nesterov ? g.add(m.mul(momentum)) : m;
    const columns = w.shape.at(-1)!;
    const rows = w.size / columns;
    const change = orthogonal(direction.reshape([rows, columns]), nsSteps).reshape([...w.shape]);
    return w.sub(change.mul(rate.mul(Math.sqrt(Math.max(1, rows / columns))).astype(w.dtype)));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...this.muon };
  }
}

/** Nearly the closest matrix with orthogonal rows or columns: its singular values come out between about 0.7 and 1.2. */
function orthogonal(matrix: Tensor, steps: number): Tensor {
  const tall = matrix.shape[0]! > matrix.shape[1]!;
  let x = tall ? matrix.T : matrix;
  x = x.div(x.square().sum().sqrt().add(1e-7));
  for (let i = 0; i < steps; i++) {
    const square = x.matmul(x.T);
    const rest = square.mul(b).add(square.matmul(square).mul(c));
    x = x.mul(a).add(rest.matmul(x));
  }
  return tall ? x.T : x;
}

optimizerRegistry.register(Muon, "muon");
