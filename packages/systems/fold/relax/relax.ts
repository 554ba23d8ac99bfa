import { ArgumentError } from "@gradus/tensor";
import type { Chain } from "../io/structure.ts";
import { clashRange, type Geometry, geometryOf, nearPairs, overlapTolerance, type Strain, strainOf } from "./terms.ts";

export interface RelaxOptions {
  /** Steps at most. Default 2000. */
  readonly steps?: number;
  /** How strongly atoms are held where they were, as energy an ångström squared: the network knows better where things are. Default 1. */
  readonly restraint?: number;
}

export interface Relaxed {
  readonly chain: Chain;
  readonly before: Strain;
  readonly after: Strain;
  /** Steps that were taken. */
  readonly steps: number;
  /** Root of the mean squared way that atoms went, in ångström. */
  readonly moved: number;
}

/** Clashes are pushed apart a little more than they must be. */
const margin = 0.1;
/** Energy of an overlap, an ångström squared. */
const stiffness = 100;

/**
 * Fixes bonds and angles and removes clashes of a structure, by gradient descent (FIRE, Bitzek et al. 2006) on the energy of its geometry:
 * ((d - d₀) / σ)² / 2 for lengths and distances across angles, overlaps of atoms' spheres squared, and distances from where atoms were squared; until nothing is strained.
 * Chirality and side chains' torsions stay what they are. ArgumentError for a chain without atoms, or with some that are nowhere.
 */
export function relax(chain: Chain, { steps = 2000, restraint = 1 }: RelaxOptions = {}): Relaxed {
  const geometry = geometryOf(chain);
  const n = geometry.places.length;
  if (!n) throw new ArgumentError("relax", "the chain has no atoms");
  if (!geometry.positions.every((x) => Math.abs(x) < 1e6)) throw new ArgumentError("relax", "some atoms have no finite place");
  const energy = new Energy(geometry, restraint);
  const mended = (positions: Float64Array): boolean => {
    const { bonds, clashes } = strainOf(geometry, positions);
    return bonds + clashes === 0;
  };
  const { positions, taken } = descend(energy, geometry.positions, steps, mended);
  const atomPositions = chain.atomPositions.slice();
  let squares = 0;
  geometry.places.forEach((place, i) => {
    for (let k = 0; k < 3; k++) {
      atomPositions[3 * place + k] = positions[3 * i + k]!;
      squares += (positions[3 * i + k]! - geometry.positions[3 * i + k]!) ** 2;
    }
  });
  return {
    chain: { ...chain, atomPositions },
    before: strainOf(geometry),
    after: strainOf(geometry, positions),
    steps: taken,
    moved: Math.sqrt(squares / n),
  };
}

/** The energy of positions and its gradient. */
export class Energy {
  private readonly geometry: Geometry;
  private readonly restraint: number;
  /** Pairs that may come too near, and where they were looked for. */
  private pairs: [number, number][] = [];
  private searched: Float64Array | undefined;

  constructor(geometry: Geometry, restraint: number) {
    this.geometry = geometry;
    this.restraint = restraint;
  }

  evaluate(positions: Float64Array, gradient: Float64Array): number {
    const { held, radii, positions: start } = this.geometry;
    gradient.fill(0);
    let total = 0;
    /** Adds half a squared error of a distance, times a weight. */
    const pull = (a: number, b: number, target: number, weight: number, only?: "push"): void => {
      let dx = positions[3 * a]! - positions[3 * b]!;
      const dy = positions[3 * a + 1]! - positions[3 * b + 1]!;
      const dz = positions[3 * a + 2]! - positions[3 * b + 2]!;
      // Atoms in one place are pushed along x.
      if (dx === 0 && dy === 0 && dz === 0) dx = 1e-9;
      const d = Math.sqrt(dx * dx + dy * dy + dz * dz);
      const error = d - target;
      if (error > 0 && only === "push") return;
      total += 0.5 * weight * error * error;
      const force = (weight * error) / d;
      gradient[3 * a]! += force * dx;
      gradient[3 * a + 1]! += force * dy;
      gradient[3 * a + 2]! += force * dz;
      gradient[3 * b]! -= force * dx;
      gradient[3 * b + 1]! -= force * dy;
      gradient[3 * b + 2]! -= force * dz;
    };
    for (const { a, b, length, deviation } of held) pull(a, b, length, 1 / deviation ** 2);
    for (const [a, b] of this.near(positions)) pull(a, b, radii[a]! + radii[b]! - overlapTolerance + margin, 2 * stiffness, "push");
    for (let i = 0; i < positions.length; i++) {
      const way = positions[i]! - start[i]!;
      total += 0.5 * this.restraint * way * way;
      gradient[i]! += this.restraint * way;
    }
    return total;
  }

  /** Looked for anew when some atom has gone half of the reserve. */
  private near(positions: Float64Array): [number, number][] {
    const reserve = 1;
    const { searched } = this;
    if (!searched || positions.some((x, i) => Math.abs(x - searched[i]!) > reserve / 4)) {
      this.pairs = nearPairs(this.geometry, positions, clashRange - overlapTolerance + margin + reserve);
      this.searched = positions.slice();
    }
    return this.pairs;
  }
}

/** Steps from one look at what is strained to the next: in as many, lengths and angles settle. */
const lookEvery = 100;

/**
 * FIRE: motion with friction that stops where it would go uphill. No step is longer than a tenth of an ångström. It ends where nothing is
 * strained any more: what the energy knows besides is less than what the network knew, and would only lead away from it.
 */
function descend(
  energy: Energy,
  start: Float64Array,
  steps: number,
  mended: (positions: Float64Array) => boolean,
): { positions: Float64Array; taken: number } {
  const positions = start.slice();
  const gradient = new Float64Array(positions.length);
  const velocity = new Float64Array(positions.length);
  let [step, alpha, downhill] = [0.01, 0.1, 0];
  let taken = 0;
  for (; taken < steps; taken++) {
    if (taken && taken % lookEvery === 0 && mended(positions)) break;
    energy.evaluate(positions, gradient);
    let [power, speed, force, largest] = [0, 0, 0, 0];
    for (let i = 0; i < gradient.length; i++) {
      power -= gradient[i]! * velocity[i]!;
      speed += velocity[i]! ** 2;
      force += gradient[i]! ** 2;
      largest = Math.max(largest, Math.abs(gradient[i]!));
    }
    // Forces of 0.1 move no atom by a thousandth of an ångström against a bond.
    if (largest < 0.1) break;
    if (power > 0) {
      const share = alpha * Math.sqrt(speed / force);
      for (let i = 0; i < velocity.length; i++) velocity[i] = (1 - alpha) * velocity[i]! - share * gradient[i]!;
      if (++downhill > 5) {
        step = Math.min(step * 1.1, 0.1);
        alpha *= 0.99;
      }
    } else {
      velocity.fill(0);
      step *= 0.5;
      [alpha, downhill] = [0.1, 0];
    }
    let fastest = 0;
    for (let i = 0; i < velocity.length; i++) {
      velocity[i]! -= step * gradient[i]!;
      fastest = Math.max(fastest, Math.abs(velocity[i]!));
    }
    const scale = Math.min(1, 0.1 / (step * fastest || 1));
    for (let i = 0; i < positions.length; i++) {
      velocity[i]! *= scale;
      positions[i]! += step * velocity[i]!;
    }
  }
  return { positions, taken };
}
