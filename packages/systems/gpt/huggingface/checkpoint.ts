import { concat, FormatError, ShapeError, scope, split, type Tensor, type Variable } from "@gradus/tensor";
import { type ArrayData, openSafetensors, toArrayData, toTensor } from "@gradus/tensor/io";
import { type ModelFolder, openIn, placeOf, readObject } from "../../model-folder.ts";
import { encodeRows, Linear } from "../linear.ts";

const single = "model.safetensors";
const index = "model.safetensors.index.json";

type File = NonNullable<Awaited<ReturnType<typeof openIn>>>;

/** The arrays of a folder, in one file or in shards, read when asked for. */
export class Checkpoint {
  readonly operation: string;
  readonly shapes = new Map<string, readonly number[]>();
  private readonly readers = new Map<string, () => Promise<ArrayData>>();
  private readonly files: File[] = [];

  private constructor(operation: string) {
    this.operation = operation;
  }

  /** Opens all files, uses them, and closes them. FormatError for shards that are missing or are not what the index says. */
  static async use<T>(operation: string, folder: ModelFolder, body: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
    const checkpoint = new Checkpoint(operation);
    try {
      await checkpoint.open(folder);
      return await body(checkpoint);
    } finally {
      for (const file of checkpoint.files) await file.close();
    }
  }

  private async open(folder: ModelFolder): Promise<void> {
    const whole = await openIn(folder, single);
    if (whole) {
      await this.add(single, whole, null);
      return;
    }
    const list = await readObject(this.operation, folder, index);
    if (!list) {
      throw new FormatError(
        this.operation,
        `there is no ${single} and no ${index} in ${placeOf(folder)}`,
        "Weights in other formats, such as pytorch_model.bin, have to be converted to safetensors",
      );
    }
    const map = list["weight_map"];
    if (typeof map !== "object" || map === null) throw new FormatError(this.operation, `${index} has no "weight_map"`);
    const shards = Map.groupBy(Object.entries(map), ([, shard]) => shard as unknown);
    for (const [shard, entries] of shards) {
      // A name, not a path: an index must not lead out of its folder.
      if (typeof shard !== "string" || !/^[^/\\]+$/.test(shard))
        throw new FormatError(this.operation, `${index} names the file ${JSON.stringify(shard)}`, "Shards lie beside it");
      const file = await openIn(folder, shard);
      if (!file) throw new FormatError(this.operation, `the shard ${shard} is missing in ${placeOf(folder)}`, "Is the download complete?");
      await this.add(shard, file, new Set(entries.map(([name]) => name)));
    }
  }

  private async add(name: string, file: File, expected: ReadonlySet<string> | null): Promise<void> {
    this.files.push(file);
    const { entries, read } = await openSafetensors(file).catch((error: unknown) => {
      if (error instanceof FormatError) throw new FormatError(this.operation, `${name} cannot be read: ${error.message}`);
      throw error;
    });
    const missing = [...(expected ?? [])].find((array) => !entries.has(array));
    if (missing !== undefined)
      throw new FormatError(this.operation, `the index says that ${missing} is in ${name}, which does not have it`);
    for (const [array, { type, shape }] of entries) {
      if (expected && !expected.has(array)) throw new FormatError(this.operation, `${name} has ${array}, of which the index says nothing`);
      this.shapes.set(array, shape);
      this.readers.set(array, async () => {
        if (!/^B?F\d+$/.test(type)) throw new FormatError(this.operation, `${array} has elements of type ${type}`, "Weights are floats");
        return read(array);
      });
    }
  }

  has(name: string): boolean {
    return this.shapes.has(name);
  }

  /** An array, as it is kept. FormatError for one that is not there, or not of floats. */
  async read(name: string): Promise<ArrayData> {
    const reader = this.readers.get(name);
    if (!reader) throw new FormatError(this.operation, `there is no array ${name}`);
    return reader();
  }

  /** Whether two arrays are the same, element by element. */
  async equal(a: string, b: string): Promise<boolean> {
    const [x, y] = [await this.read(a), await this.read(b)];
    return x.dtype === y.dtype && x.shape.join() === y.shape.join() && x.data.every((v, i) => Object.is(v, y.data[i]));
  }

  /** Before rules are made for each: a damaged configuration may ask for any number of layers. */
  checkLayers(layers: number): void {
    if (layers > this.shapes.size)
      throw new FormatError(this.operation, `config.json asks for ${layers} layers, and there are ${this.shapes.size} arrays in all`);
  }

  /** Holds the arrays to the rules: each is there and of the right shape, and none is left over but those that `spare` names. */
  check(rules: readonly Rule<never>[], spare: (name: string) => boolean): void {
    const wanted = new Map(rules.flatMap(({ from }) => from));
    const missing = [...wanted.keys()].filter((name) => !this.has(name));
    const hint = "It may be of another network, or of another size of this one";
    if (missing.length) throw new FormatError(this.operation, `the weights lack ${some(missing)}`, hint);
    const left = [...this.shapes.keys()].filter((name) => !wanted.has(name) && !spare(name));
    if (left.length) throw new FormatError(this.operation, `the network has no place for ${some(left)}`, hint);
    for (const [name, shape] of wanted) {
      const found = this.shapes.get(name)!;
      if (found.join() !== shape.join())
        throw new ShapeError(
          this.operation,
          `${name} has shape [${found.join(", ")}], config.json asks for [${shape.join(", ")}]`,
          "The files may be of different models",
        );
    }
  }

  /** Sets a network's weights, array by array, so that no more than one is held beside it. */
  async fill<N>(network: N, rules: readonly Rule<N>[]): Promise<void> {
    for (const rule of rules) {
      const arrays: ArrayData[] = [];
      for (const [name] of rule.from) arrays.push(await this.read(name));
      const rows = scope(() => {
        const parts = arrays.map((a) => toTensor(a).astype("float32"));
        const joined = parts.length === 1 ? parts[0]! : concat(parts);
        return rule.transposed ? joined.T : joined;
      });
      await setRows(rule.to(network), rows);
      rows.dispose();
    }
  }
}

/** One of a network's weights, and the arrays that it is made of. */
export interface Rule<N> {
  readonly to: (network: N) => Linear | Variable;
  /** Names and shapes in the file; several are rows one below the other. */
  readonly from: readonly (readonly [name: string, shape: readonly number[]])[];
  /** The file has [in, out]. */
  readonly transposed?: boolean;
}

/** The first dozen names, and how many more there are. */
const some = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(", ")} and ${names.length - 12} more` : names.join(", ");

/** Sets a variable, or a matrix with as many bits as it has. */
export async function setRows(target: Linear | Variable, rows: Tensor): Promise<void> {
  if (!(target instanceof Linear)) target.assign(rows);
  else if (target.bits === 32) target.weight!.assign(rows);
  else {
    const { codes, scales } = encodeRows((await rows.data()) as Float32Array, target.inputs, target.bits);
    const set = (variable: Variable, data: typeof codes | typeof scales): void => {
      const value = toTensor({ dtype: variable.dtype, shape: variable.shape, data });
      variable.assign(value);
      value.dispose();
    };
    set(target.codes!, codes);
    set(target.scales!, scales);
  }
}

/** A network's weights as arrays of a file: `fill` the other way. */
export async function arraysOf<N>(network: N, rules: readonly Rule<N>[]): Promise<[name: string, array: ArrayData][]> {
  const arrays: [string, ArrayData][] = [];
  for (const { to, from, transposed } of rules) {
    const target = to(network);
    const rows = target instanceof Linear ? target.dense() : target;
    const ends: number[] = [];
    for (const [, shape] of from) ends.push((ends.at(-1) ?? 0) + shape[0]!);
    const parts = transposed ? [rows.T] : split(rows, ends.slice(0, -1));
    for (const [i, [name]] of from.entries()) arrays.push([name, await toArrayData(parts[i]!)]);
  }
  return arrays;
}
