import { existsSync, readFileSync } from "node:fs";
import { init, Tensor } from "@gradus/tensor";
import { type ArrayData, readNpz, toTensor } from "@gradus/tensor/io";
import { mapParameters, type Parameters, type Weights } from "../network/parameters.ts";

// Kernels are so small here that threads would wait for each other.
await init({ device: "wasm", threads: 1 });

const folder = new URL("../../../../../shared/fixtures/alphafold/", import.meta.url);

/** Where a file of the reference lies. */
export const fixtureUrl = (name: string): URL => new URL(name, folder);

/** Why tests that need them are skipped, or null: the numbers of a reference implementation lie beside the repository. */
export const noFixtures = existsSync(folder) ? null : "shared/fixtures/alphafold is not beside the repository";

/** One of the reference's files by name, without `.npz`. */
export const arraysOf = (name: string): Promise<Map<string, ArrayData>> => readNpz(readFileSync(new URL(`${name}.npz`, folder)));

/** A module of the reference: its parameters, inputs and outputs. */
export class Fixture {
  readonly arrays: Map<string, ArrayData>;
  readonly dtype: "float32" | "float64";

  private constructor(arrays: Map<string, ArrayData>, dtype: "float32" | "float64") {
    this.arrays = arrays;
    this.dtype = dtype;
  }

  static async read(name: string, dtype: "float32" | "float64" = "float32"): Promise<Fixture> {
    return new Fixture(await arraysOf(name), dtype);
  }

  private array(name: string): ArrayData {
    const found = this.arrays.get(name);
    if (!found) throw new Error(`there is no ${name}, only ${[...this.arrays.keys()].join(", ")}`);
    return found;
  }

  private tensor(name: string): Tensor {
    const x = toTensor(this.array(name));
    return x.dtype === "float32" ? x.astype(this.dtype) : x;
  }

  in(name: string): Tensor {
    return this.tensor(`in/${name}`);
  }

  out(name: string): Tensor {
    return this.tensor(`out/${name}`);
  }

  /**
   * Parameters of a module under their official names, from OpenFold's. `scope` is the module's way in the official names, `prefix` how
   * OpenFold's names of it begin in PARAM_NAMES.md.
   */
  weights<P extends Parameters>(parameters: P, scope: string, prefix: string): Weights<P> {
    return mapParameters(parameters, ({ shape }, path) => {
      const official = [scope, ...path].filter((part) => part !== "").join("/");
      const openFold = names().get(official);
      if (!openFold?.startsWith(prefix)) throw new Error(`${official} is ${openFold}, which does not begin with ${prefix}`);
      const x = this.tensor(`param/${openFold.slice(prefix.length)}`);
      return (x.ndim === 2 ? x.T : x).reshape([...shape]);
    });
  }

  /** How far an output is from the reference's, as a share of its scale; places that the fixture does not compare are left out. */
  async off(name: string, value: Tensor): Promise<number> {
    const expected = this.array(`out/${name}`);
    if (expected.shape.join() !== value.shape.join()) throw new Error(`${name} is [${value.shape}], expected [${expected.shape}]`);
    const mask = this.arrays.get(`cmp/${name}`);
    const compared = mask
      ? await toTensor(mask)
          .broadcastTo([...expected.shape])
          .data()
      : null;
    const given = await value.data();
    let [difference, scale] = [0, 1e-6];
    expected.data.forEach((v, i) => {
      if (compared && !compared[i]) return;
      difference = Math.max(difference, Number.isFinite(given[i]!) ? Math.abs(Number(given[i]) - Number(v)) : Infinity);
      scale = Math.max(scale, Math.abs(Number(v)));
    });
    return difference / scale;
  }
}

let table: Map<string, string> | null = null;

/** Official names, with `/` for `//` and without block numbers, to OpenFold's. */
function names(): Map<string, string> {
  if (table) return table;
  const rows = readFileSync(new URL("PARAM_NAMES.md", folder), "utf8").matchAll(/^\| `([^`]+\/\/[^`]+)` \| \[[^\]]*\] \| `([^`]+)` \|$/gm);
  table = new Map([...rows].map(([, official, openFold]) => [official!.replace("//", "/"), openFold!]));
  return table;
}

/** The tolerance of the reference's README. */
export const tolerance = 1e-4;

/** An array of a formula. */
export const some = (shape: readonly number[], seed: number, dtype: "float32" | "float64" = "float64"): Tensor => {
  const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));
  return toTensor({ dtype: "float64", shape, data }).astype(dtype);
};

/** All arrays of a tree in another type. */
export function cast<T>(tree: T, dtype: "float32" | "float64"): T {
  if (tree instanceof Tensor) return (tree.dtype.startsWith("float") ? tree.astype(dtype) : tree) as T;
  if (Array.isArray(tree)) return tree.map((x) => cast(x, dtype)) as T;
  if (tree === null || typeof tree !== "object") return tree;
  return Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, cast(v, dtype)])) as T;
}
