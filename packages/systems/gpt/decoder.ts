import type { Layer } from "@gradus/nn";
import { ArgumentError, type Compiled, compile, pad, ShapeError, StateError, type Tensor, take, tensor, zeros } from "@gradus/tensor";
import { Adapter } from "./linear.ts";
import type { Cache, Gpt } from "./model.ts";

export interface DecoderOptions {
  /** Texts that are continued side by side. Default 1. */
  readonly batch?: number;
}

/** Sizes that programs are made for: a prompt is padded to the next, the cache grows from one to the next. */
const sizes = (from: number) => (n: number) => from * 2 ** Math.max(0, Math.ceil(Math.log2(n / from)));
const stepOf = sizes(8);
const capacityOf = sizes(64);

/**
 * Reads tokens and gives the logits of the next one; keys and values of what it has read are kept, so that a token costs one step of
 * fixed shapes. Rows of a batch may be of different lengths. Programs are made once a size of step and of cache: tokens that come one
 * by one need one, until the cache doubles.
 */
export class Decoder {
  readonly network: Gpt;
  readonly batch: number;
  private counts: number[];
  private cache: Cache | null = null;
  private capacity = 0;
  private readonly programs: Programs;

  constructor(network: Gpt, { batch = 1 }: DecoderOptions = {}) {
    if (!(Number.isInteger(batch) && batch >= 1)) throw new ArgumentError("Decoder", `batch is ${batch}`, "Give a positive integer");
    this.network = network;
    this.batch = batch;
    this.counts = new Array<number>(batch).fill(0);
    this.programs = programsOf(network);
  }

  /** Tokens that each row has read. */
  get lengths(): readonly number[] {
    return this.counts;
  }

  /** How many more tokens the shortest and the longest row leave room for. */
  get room(): number {
    return this.network.config.context - Math.max(...this.counts);
  }

  /** Reads tokens, a list for each row, and gives the logits of the token after each row's last one. */
  async read(rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    return this.perRow(await this.advance(rows, true));
  }

  /** Reads vectors [batch, P, width] before anything else, such as those of a picture, and tokens after them: see `read`. */
  async readPrefix(prefix: Tensor, rows: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const { width } = this.network.config;
    if (prefix.ndim !== 3 || prefix.shape[0] !== this.batch || prefix.shape[2] !== width)
      throw new ShapeError("readPrefix", `expects vectors [${this.batch}, P, ${width}], received [${prefix.shape.join(", ")}]`);
    if (this.counts.some((n) => n)) throw new StateError("readPrefix", "tokens were read before", "Vectors can only come first");
    return this.perRow(await this.advance(rows, true, prefix));
  }

  /** Reads tokens, and gives the logits after every one of them, [tokens][vocabulary] for each row. */
  async readAll(rows: readonly (readonly number[])[]): Promise<Float32Array[][]> {
    const { vocabulary } = this.network.config;
    const logits = await this.advance(rows, false);
    const data = (await logits.data()) as Float32Array;
    const time = logits.shape[1]!;
    logits.dispose();
    return rows.map((row, i) => row.map((_, t) => data.slice((i * time + t) * vocabulary, (i * time + t + 1) * vocabulary)));
  }

  /** Forgets what each row has read after its first so many tokens. */
  rewind(lengths: readonly number[]): void {
    if (lengths.length !== this.batch || lengths.some((n, i) => !(Number.isInteger(n) && n >= 0 && n <= this.counts[i]!)))
      throw new ArgumentError("rewind", `to ${lengths.join(", ")} where ${this.counts.join(", ")} were read`, "Give a length for each row");
    this.counts = [...lengths];
  }

  /** Row i goes on from what row order[i] has read: for beam search. */
  reorder(order: readonly number[]): void {
    if (order.length !== this.batch || order.some((n) => !(Number.isInteger(n) && n >= 0 && n < this.batch)))
      throw new ArgumentError("reorder", `rows ${order.join(", ")} of ${this.batch}`, "Give a row for each row");
    this.counts = order.map((n) => this.counts[n]!);
    if (!this.cache || order.every((n, i) => n === i)) return;
    this.cache = this.programs.reorder(tensor([...order], { dtype: "int32" }), this.cache);
  }

  /** Gives the memory of keys and values back. */
  dispose(): void {
    for (const v of this.cache ? [...this.cache.keys, ...this.cache.values] : []) v.dispose();
    this.cache = null;
    this.capacity = 0;
    this.counts.fill(0);
  }

  private async perRow(logits: Tensor): Promise<Float32Array[]> {
    const { vocabulary } = this.network.config;
    const data = (await logits.data()) as Float32Array;
    logits.dispose();
    return this.counts.map((_, i) => data.slice(i * vocabulary, (i + 1) * vocabulary));
  }

  private async advance(rows: readonly (readonly number[])[], lastOnly: boolean, prefix?: Tensor): Promise<Tensor> {
    const before = prefix?.shape[1] ?? 0;
    this.check(rows, before);
    const longest = Math.max(...rows.map((r) => r.length));
    const time = longest === 1 ? 1 : Math.min(stepOf(longest), this.network.config.context);
    await this.grow(Math.max(...this.counts) + before + longest);
    const ids = new Int32Array(this.batch * time);
    for (const [i, row] of rows.entries()) ids.set(row, i * time);
    const ints = (values: Iterable<number>): Tensor => tensor(Int32Array.from(values), { dtype: "int32" });
    const only = prefix || (lastOnly && time > 1) ? ints(rows.map((r) => Math.max(0, r.length - 1))) : null;
    const given = tensor(ids, { dtype: "int32" }).reshape([this.batch, time]);
    const starts = ints(this.counts);
    const { logits, cache } = this.programs.step(given, starts, only, prefix ?? null, this.cache!);
    this.cache = cache;
    this.counts = this.counts.map((n, i) => n + before + rows[i]!.length);
    return logits;
  }

  private check(rows: readonly (readonly number[])[], before: number): void {
    const { context, vocabulary } = this.network.config;
    if (rows.length !== this.batch) throw new ArgumentError("Decoder", `${rows.length} rows of tokens for a batch of ${this.batch}`);
    if (!rows.some((r) => r.length)) throw new ArgumentError("Decoder", "there are no tokens to read", "Give at least one");
    for (const [i, row] of rows.entries()) {
      const total = this.counts[i]! + before + row.length;
      if (total > context)
        throw new StateError("Decoder", `${total} tokens are more than the ${context} that the network sees at once`, "Give fewer");
      const stranger = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
      if (stranger !== undefined)
        throw new ArgumentError("Decoder", `${stranger} is no token of ${vocabulary}`, "The tokenizer may belong to another network");
    }
  }

  /** Makes room for so many tokens, with what was read. */
  private async grow(wanted: number): Promise<void> {
    if (wanted <= this.capacity) return;
    const { layers, keyValueHeads, headWidth, context } = this.network.config;
    const capacity = Math.min(capacityOf(wanted), context);
    const shape = [this.batch, keyValueHeads, capacity, headWidth];
    const more = async (old: Tensor | undefined): Promise<Tensor> => {
      const grown = old
        ? pad(old, [
            [0, 0],
            [0, 0],
            [0, capacity - this.capacity],
            [0, 0],
          ])
        : zeros(shape);
      await grown.data();
      old?.dispose();
      return grown;
    };
    const all = async (old: readonly Tensor[] | undefined): Promise<Tensor[]> => {
      const list: Tensor[] = [];
      for (let layer = 0; layer < layers; layer++) list.push(await more(old?.[layer]));
      return list;
    };
    this.cache = { keys: await all(this.cache?.keys), values: await all(this.cache?.values) };
    this.capacity = capacity;
  }
}

/** The compiled functions of one network, with the adapters it had then: all decoders share them, so that a second text needs no new programs. */
interface Programs {
  readonly adapters: readonly Adapter[];
  readonly step: Compiled<
    (ids: Tensor, starts: Tensor, only: Tensor | null, prefix: Tensor | null, cache: Cache) => { logits: Tensor; cache: Cache }
  >;
  readonly reorder: Compiled<(order: Tensor, cache: Cache) => Cache>;
}

const programs = new WeakMap<Gpt, Programs>();

function programsOf(network: Gpt): Programs {
  let found = programs.get(network);
  const adapters = adaptersOf(network);
  if (found?.adapters.length !== adapters.length || adapters.some((adapter, i) => adapter !== found!.adapters[i])) {
    const step: (...args: Parameters<Programs["step"]>) => { logits: Tensor; cache: Cache } = (ids, starts, only, prefix, given) => {
      const cache = { keys: [...given.keys], values: [...given.values] };
      const logits = network.forward(ids, { cache, starts, ...(only ? { only } : {}), ...(prefix ? { prefix } : {}) });
      return { logits, cache };
    };
    const picked = (order: Tensor, list: readonly Tensor[]): Tensor[] => list.map((t) => take(t, order, { axis: 0 }));
    // The memory of keys and values is that of the next step's.
    found = {
      adapters,
      step: compile(step, { donate: [4] }),
      reorder: compile((order, { keys, values }) => ({ keys: picked(order, keys), values: picked(order, values) }), { donate: [1] }),
    };
    programs.set(network, found);
  }
  return found!;
}

const adaptersOf = (layer: Layer): Adapter[] => layer.layers.flatMap((inner) => (inner instanceof Adapter ? [inner] : adaptersOf(inner)));
