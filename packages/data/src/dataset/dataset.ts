import { ArgumentError, StateError, type Tensor, type TypedArray } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { type BatchOptions, batchStage, checkCount, type PaddedBatchOptions } from "./batch.ts";
import { cacheStage } from "./cache.ts";
import { type Cursor, chain, type End, end, type Json, type Maybe, rowsOf, type Stage, saved } from "./cursor.ts";
import type { Batched } from "./element.ts";
import { aheadStage } from "./prefetch.ts";
import { type RowsStage, rowsBatchStage, rowsFrom, rowsStage, windowRows } from "./rows.ts";
import { shuffleStage } from "./shuffle.ts";
import { type AnyIterable, generatorStage, listStage, rangeStage } from "./sources.ts";
import {
  concatenateStage,
  context,
  filterStage,
  flatMapStage,
  type MapFunction,
  mapStage,
  repeatStage,
  shardStage,
  skipStage,
  takeStage,
  zipStage,
} from "./transforms.ts";
import { type WorkerMapOptions, workerMapStage } from "./workers.ts";

/** A row of a tree of columns. */
export type Row<T> = T extends Tensor
  ? Tensor
  : T extends TypedArray
    ? number
    : T extends ArrayData
      ? ArrayData
      : T extends readonly (infer E)[]
        ? E extends number | boolean | string | null
          ? E
          : E extends readonly (number | readonly unknown[])[]
            ? ArrayData
            : { -readonly [K in keyof T]: Row<T[K]> }
        : { -readonly [K in keyof T]: Row<T[K]> };

export interface IterateOptions {
  /** Number of the pass, which seeds what is random. Default: one more with every iteration. */
  readonly epoch?: number;
  /** A state of an earlier iteration, to go on after the element it gave last. */
  readonly from?: Json;
}

/** One pass over a data set. */
export interface DatasetIterator<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** The place in the pass as plain JSON, after the last element given. `iterate({ from })` goes on from there. */
  state(): Json;
  return(): Promise<IteratorResult<T, undefined>>;
}

/**
 * A sequence of elements, made when they are asked for (tf.data's Dataset): a data set is a recipe, every `for await`
 * over it is a pass, and equal seeds give equal passes. Elements are arrays, numbers, strings, or trees of them.
 * @example
 * const numbers = Dataset.range(10).map((n) => n * n).shuffle(10, { seed: 1 }).batch(4);
 * for await (const batch of numbers) console.log(batch);
 */
export class Dataset<T> implements AsyncIterable<T> {
  /** @internal */
  readonly stage: Stage<T>;
  private passes = 0;

  /** @internal Use `Dataset.from...`. */
  constructor(stage: Stage<T>) {
    this.stage = stage;
  }

  // ------------------------------------------------------------------------------------------------------------ sources

  /**
   * The rows (first axis) of an array or of a tree of arrays: tensors, typed arrays, `{ shape, dtype, data }`, nested
   * numbers, lists of strings. Batches of them are one copy; for speed, batch first and map afterwards.
   */
  static fromTensorSlices<T>(columns: T): Dataset<Row<T>> {
    const rows = rowsFrom(columns);
    return new Dataset(rowsStage<Row<T>>(rows, rangeStage(rows.count)));
  }

  /**
   * Pieces of `length` elements of one long array, such as the tokens of a text; each begins `stride` after the last one
   * (default: `length`). They overlap without copies; batches are [B, length].
   */
  static fromWindows<A extends TypedArray>(data: A, length: number, { stride = length }: { readonly stride?: number } = {}): Dataset<A> {
    checkCount("Dataset.fromWindows", length);
    checkCount("Dataset.fromWindows", stride);
    const rows = windowRows(data, length, stride);
    return new Dataset(rowsStage<A>(rows, rangeStage(rows.count)));
  }

  /** The elements of a list. */
  static fromArray<T>(list: readonly T[]): Dataset<T> {
    return new Dataset(listStage(list));
  }

  /** What a generator function yields, plain or async; it is called again for every pass. `size` if it is known. */
  static fromGenerator<T>(make: (epoch: number) => AnyIterable<T>, options: { readonly size?: number } = {}): Dataset<T> {
    if (typeof make !== "function")
      throw new ArgumentError(
        "Dataset.fromGenerator",
        `a ${typeof make} was given`,
        "Give the function itself, so that every pass can call it",
      );
    return new Dataset(generatorStage(make, options.size));
  }

  /** 0, 1, ..., count - 1. */
  static range(count: number): Dataset<number> {
    checkCount("Dataset.range", count, 0);
    return new Dataset(rangeStage(count));
  }

  /** Elements side by side, in a list or an object, until the first data set ends. */
  static zip<T extends readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>>(
    sources: T,
  ): Dataset<{ -readonly [K in keyof T]: T[K] extends Dataset<infer E> ? E : never }> {
    const keys = Object.keys(sources);
    const list = Object.values(sources) as Dataset<unknown>[];
    if (!list.length) throw new ArgumentError("Dataset.zip", "no data set was given");
    const join = (parts: unknown[]) => (Array.isArray(sources) ? parts : Object.fromEntries(keys.map((key, i) => [key, parts[i]])));
    return new Dataset(
      zipStage(
        list.map((d) => d.stage),
        join,
      ) as Stage<never>,
    );
  }

  // --------------------------------------------------------------------------------------------------------- transforms

  /** Number of elements of a pass, where it is known without running one. Infinity for `repeat()`. */
  get size(): number | undefined {
    return this.stage.size;
  }

  /**
   * Applies a function to every element. What is random takes its numbers from the second argument, `{ random }`. An
   * async function that waits for files or the network runs on `parallel` elements at a time; the order stays.
   */
  map<U>(f: MapFunction<T, U>, { seed = 0, parallel = 1 }: { readonly seed?: number; readonly parallel?: number } = {}): Dataset<U> {
    if (typeof f !== "function") throw new ArgumentError("map", `a ${typeof f} was given`, "Use mapOnWorkers for a module");
    checkCount("map", parallel);
    if (parallel === 1) return new Dataset(mapStage(this.stage, f, seed));
    return new Dataset(aheadStage(this.stage, parallel, (x, epoch, index) => f(x, context(seed, epoch, index))));
  }

  /**
   * Applies a function that a module exports, on worker threads, several elements at a time and in order:
   * `mapOnWorkers(new URL("./augment.ts", import.meta.url))`. Elements go there and back by structured clone.
   */
  mapOnWorkers<U>(module: URL | string, options: WorkerMapOptions = {}): Dataset<U> {
    return new Dataset(workerMapStage(this.stage, String(module), options) as Stage<U>);
  }

  filter<U extends T>(keep: (element: T) => element is U): Dataset<U>;
  filter(keep: (element: T) => Maybe<boolean>): Dataset<T>;
  filter(keep: (element: T) => Maybe<boolean>): Dataset<T> {
    return new Dataset(filterStage(this.stage, keep));
  }

  /** Replaces every element by the elements of a data set. */
  flatMap<U>(f: (element: T) => Maybe<Dataset<U>>): Dataset<U> {
    return new Dataset(flatMapStage(this.stage, (x: T) => chain(f(x), (d) => d.stage)));
  }

  take(count: number): Dataset<T> {
    checkCount("take", count, 0);
    return this.reorder((s) => takeStage(s, count));
  }

  skip(count: number): Dataset<T> {
    checkCount("skip", count, 0);
    return this.reorder((s) => skipStage(s, count));
  }

  /** Every `count`-th element from number `index` on: the part of one of `count` processes. */
  shard(count: number, index: number): Dataset<T> {
    checkCount("shard", count);
    if (!Number.isInteger(index) || index < 0 || index >= count)
      throw new ArgumentError("shard", `the index is ${index}`, `Give 0 to ${count - 1}`);
    return this.reorder((s) => shardStage(s, count, index));
  }

  /** Several passes one after the other; endlessly if no count is given. */
  repeat(count = Infinity): Dataset<T> {
    if (count !== Infinity) checkCount("repeat", count, 0);
    return this.reorder((s) => repeatStage(s, count));
  }

  /** The elements of this data set, then those of others. */
  concatenate(...others: readonly Dataset<T>[]): Dataset<T> {
    return new Dataset(concatenateStage([this.stage, ...others.map((d) => d.stage)]));
  }

  /**
   * Random order through a buffer: each element comes from a random place of it. Take a buffer as large as the data if
   * they fit in memory. Each pass differs, unless `reshuffleEachIteration` is false. Default seed 0.
   */
  shuffle(bufferSize: number, options: { readonly seed?: number; readonly reshuffleEachIteration?: boolean } = {}): Dataset<T> {
    checkCount("shuffle", bufferSize);
    return this.reorder((s) => shuffleStage(s, bufferSize, options.seed ?? 0, options.reshuffleEachIteration ?? true));
  }

  /** Joins `size` elements: numbers and arrays become tensors [B, ...], strings become lists. */
  batch(size: number, options: BatchOptions = {}): Dataset<Batched<T>> {
    checkCount("batch", size);
    const table = (this.stage as Partial<RowsStage<T>>)[rowsOf];
    const stage = table ? rowsBatchStage(table.rows, table.indices, size, options) : batchStage(this.stage, size, options);
    return new Dataset(stage as Stage<Batched<T>>);
  }

  /** As `batch`, for arrays of different sizes: smaller ones are filled up at their ends. */
  paddedBatch(size: number, options: PaddedBatchOptions = {}): Dataset<Batched<T>> {
    checkCount("paddedBatch", size);
    return new Dataset(batchStage(this.stage, size, { ...options, padded: true }) as Stage<Batched<T>>);
  }

  /** The elements of lists and the rows of tensors one by one: the opposite of `batch`. */
  unbatch(): Dataset<Row<T>> {
    const stages = (element: T) => {
      const rows = rowsFrom(element);
      return rowsStage<Row<T>>(rows, rangeStage(rows.count));
    };
    return new Dataset(flatMapStage(this.stage, stages));
  }

  /**
   * Keeps the elements of the first pass in memory and gives the same ones in every pass: so do not dispose of them, and
   * shuffle afterwards.
   */
  cache(): Dataset<T> {
    return new Dataset(cacheStage(this.stage));
  }

  /** Asks for `count` elements before they are needed, so that reading goes on while the model works. */
  prefetch(count = 2): Dataset<T> {
    checkCount("prefetch", count);
    return new Dataset(aheadStage(this.stage, count, (x) => x));
  }

  private reorder(f: <E>(stage: Stage<E>) => Stage<E>): Dataset<T> {
    const table = (this.stage as Partial<RowsStage<T>>)[rowsOf];
    return new Dataset(table ? rowsStage<T>(table.rows, f(table.indices)) : f(this.stage));
  }

  // ---------------------------------------------------------------------------------------------------------------- use

  /** Starts a pass, or goes on with an interrupted one. */
  iterate({ epoch, from }: IterateOptions = {}): DatasetIterator<T> {
    const resumed = saved(from, "epoch");
    if (from !== undefined && (typeof resumed !== "number" || saved(from, "version") !== 1))
      throw new StateError("iterate", "`from` is no state of a data set", "Give what iterator.state() returned");
    const pass = epoch ?? (resumed as number | undefined) ?? this.passes;
    checkCount("iterate", pass, 0);
    this.passes = pass + 1;
    return iterator(this.stage.open(pass, saved(from, "at")), pass);
  }

  [Symbol.asyncIterator](): DatasetIterator<T> {
    return this.iterate();
  }

  /** All elements of a pass, in a list. */
  async toArray(): Promise<T[]> {
    const list: T[] = [];
    for await (const element of this) list.push(element);
    return list;
  }
}

function iterator<T>(cursor: Cursor<T>, epoch: number): DatasetIterator<T> {
  let done = false;
  let last: Promise<unknown> = Promise.resolve();
  const finish = async (): Promise<IteratorResult<T, undefined>> => {
    if (!done) {
      done = true;
      await cursor.close();
    }
    return { done: true, value: undefined };
  };
  const step = async (): Promise<IteratorResult<T, undefined>> => {
    if (done) return { done: true, value: undefined };
    let value: T | End;
    try {
      value = await cursor.next();
    } catch (error) {
      await finish();
      throw error;
    }
    return value === end ? finish() : { done: false, value };
  };
  return {
    next() {
      const result = last.then(step);
      last = result.catch(() => {}); // calls wait for each other, whatever became of them
      return result;
    },
    return: finish,
    state: () => ({ version: 1, epoch, at: cursor.state() }),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await finish();
    },
  };
}
