/** A value, or a promise of it: in-memory pipelines stay free of promises, which cost more than the work they wait for. */
export type Maybe<T> = T | Promise<T>;

/** Plain data that survives JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export const end: unique symbol = Symbol("end");
export type End = typeof end;

/** One pass over a stage. `next` is not called before the last call's promise has settled; after `end` it stays `end`. */
export interface Cursor<T> {
  next(): Maybe<T | End>;
  /** Where the pass stands, after the last element given: `open` with it goes on with the next one. */
  state(): Json;
  /** Lets go of files and workers. */
  close(): Maybe<void>;
}

/** A step of a pipeline: a recipe that can be run any number of times. */
export interface Stage<T> {
  /** Starts pass number `epoch`, which seeds what is random, or goes on where `from` says. */
  open(epoch: number, from?: Json): Cursor<T>;
  /** How many elements a pass has, where that is known without running it. */
  readonly size: number | undefined;
}

/** Marks stages whose elements are rows of a table in memory (rows.ts). */
export const rowsOf: unique symbol = Symbol("rows");

/** `f(x)`, now if x is here already. */
export const chain = <A, B>(x: Maybe<A>, f: (a: A) => Maybe<B>): Maybe<B> => (x instanceof Promise ? x.then(f) : f(x));

/** Reads a field of a saved state. */
export function saved(from: Json | undefined, key: string): Json | undefined {
  return typeof from === "object" && from !== null && !Array.isArray(from) ? (from as { readonly [key: string]: Json })[key] : undefined;
}

export const savedNumber = (from: Json | undefined, key: string, otherwise = 0): number => {
  const value = saved(from, key);
  return typeof value === "number" ? value : otherwise;
};

/** The next `count` elements, fewer at the end. */
export function pull<T>(cursor: Cursor<T>, count: number): Maybe<T[]> {
  const list: T[] = [];
  while (list.length < count) {
    const x = cursor.next();
    if (x instanceof Promise) return pullRest(cursor, count, list, x);
    if (x === end) break;
    list.push(x as T);
  }
  return list;
}

async function pullRest<T>(cursor: Cursor<T>, count: number, list: T[], first: Promise<T | End>): Promise<T[]> {
  let x: T | End = await first;
  while (x !== end) {
    list.push(x);
    if (list.length >= count) break;
    x = await cursor.next();
  }
  return list;
}

/** Passes over `count` elements. */
export function advance<T>(cursor: Cursor<T>, count: number): Maybe<void> {
  for (let i = 0; i < count; i++) {
    const x = cursor.next();
    if (x instanceof Promise) return x.then((value) => (value === end ? undefined : advance(cursor, count - i - 1)));
    if (x === end) return;
  }
}

/** A cursor of a stage that can only start at the beginning: it first runs over the `count` elements before the place `from`. */
export function replay<T>(cursor: Cursor<T>, count: number, from: Json = {}): Cursor<T> {
  let ready: Maybe<void> | null = count > 0 ? null : undefined;
  return {
    next() {
      if (ready === null) ready = advance(cursor, count);
      if (!(ready instanceof Promise)) return cursor.next();
      return ready.then(() => {
        ready = undefined;
        return cursor.next();
      });
    },
    state: () => (ready === null ? from : cursor.state()),
    close: () => cursor.close(),
  };
}
