import { Random } from "../random.ts";
import { type Cursor, chain, type End, end, type Json, type Maybe, replay, type Stage, saved, savedNumber } from "./cursor.ts";

/** What a function of `map` is told besides the element. */
export interface MapContext {
  /** Place of the element in this pass. */
  readonly index: number;
  readonly epoch: number;
  /** Random numbers of this element alone: the same whatever else runs, on any worker. */
  readonly random: Random;
}

export type MapFunction<T, U> = (element: T, context: MapContext) => Maybe<U>;

export function context(seed: number, epoch: number, index: number): MapContext {
  let random: Random | undefined;
  return {
    index,
    epoch,
    get random() {
      random ??= new Random(seed, epoch, index);
      return random;
    },
  };
}

export function mapStage<T, U>(source: Stage<T>, f: MapFunction<T, U>, seed: number): Stage<U> {
  return {
    size: source.size,
    open(epoch, from) {
      const cursor = source.open(epoch, saved(from, "source"));
      let index = savedNumber(from, "index");
      return {
        next: () => chain(cursor.next(), (x): Maybe<U | End> => (x === end ? end : f(x, context(seed, epoch, index++)))),
        state: () => ({ index, source: cursor.state() }),
        close: () => cursor.close(),
      };
    },
  };
}

export function filterStage<T>(source: Stage<T>, keep: (element: T) => Maybe<boolean>): Stage<T> {
  return {
    size: source.size === 0 ? 0 : undefined,
    open(epoch, from) {
      const cursor = source.open(epoch, from);
      const search = async (x: Maybe<T | End>): Promise<T | End> => {
        for (let found = await x; ; found = await cursor.next()) if (found === end || (await keep(found))) return found;
      };
      const next = (): Maybe<T | End> => {
        for (;;) {
          const x = cursor.next();
          if (x instanceof Promise) return search(x);
          if (x === end) return end;
          const kept = keep(x as T);
          if (kept instanceof Promise) return kept.then((yes) => (yes ? (x as T) : next()));
          if (kept) return x;
        }
      };
      return { next, state: () => cursor.state(), close: () => cursor.close() };
    },
  };
}

export function takeStage<T>(source: Stage<T>, count: number): Stage<T> {
  return {
    size: source.size === undefined ? undefined : Math.min(count, source.size),
    open(epoch, from) {
      const cursor = source.open(epoch, saved(from, "source"));
      let taken = savedNumber(from, "taken");
      return {
        next: () =>
          taken >= count
            ? end
            : chain(cursor.next(), (x) => {
                if (x !== end) taken++;
                return x;
              }),
        state: () => ({ taken, source: cursor.state() }),
        close: () => cursor.close(),
      };
    },
  };
}

export function skipStage<T>(source: Stage<T>, count: number): Stage<T> {
  return {
    size: source.size === undefined ? undefined : Math.max(0, source.size - count),
    open(epoch, from) {
      const cursor = source.open(epoch, saved(from, "source"));
      const started = { next: () => cursor.next(), state: () => ({ source: cursor.state() }), close: () => cursor.close() };
      return saved(from, "source") === undefined ? replay(started, count) : started;
    },
  };
}

/** Every `count`-th element, from number `index` on. */
export function shardStage<T>(source: Stage<T>, count: number, index: number): Stage<T> {
  return {
    size: source.size === undefined ? undefined : Math.max(0, Math.ceil((source.size - index) / count)),
    open(epoch, from) {
      const cursor = source.open(epoch, saved(from, "source"));
      let at = savedNumber(from, "at");
      const next = (): Maybe<T | End> => chain(cursor.next(), (x) => (x === end || at++ % count === index ? x : next()));
      return { next, state: () => ({ at, source: cursor.state() }), close: () => cursor.close() };
    },
  };
}

/** The passes of a pass: pass r of `repeat` in pass e has a number of its own, and the first one is its source's first. */
export function repeatStage<T>(source: Stage<T>, count: number): Stage<T> {
  const number = (epoch: number, round: number) => epoch * (Number.isFinite(count) ? count : 2 ** 26) + round;
  return {
    size: source.size === undefined ? undefined : source.size === 0 ? 0 : source.size * count,
    open(epoch, from) {
      let round = savedNumber(from, "round");
      let cursor: Cursor<T> | null = null;
      let found = saved(from, "found") === true; // an empty source must not be asked for ever
      let start = saved(from, "source");
      const next = (): Maybe<T | End> => {
        if (round >= count) return end;
        cursor ??= source.open(number(epoch, round), start);
        start = undefined;
        return chain(cursor.next(), (x) => {
          if (x !== end) {
            found = true;
            return x;
          }
          const closed = cursor!.close();
          cursor = null;
          round = found ? round + 1 : Infinity;
          return chain(closed, next);
        });
      };
      return {
        next,
        state: () => {
          const at = cursor ? cursor.state() : start;
          return { round: Math.min(round, Number.MAX_SAFE_INTEGER), found, ...(at === undefined ? {} : { source: at }) };
        },
        close: () => cursor?.close(),
      };
    },
  };
}

/** Elements of several stages side by side, until the first of them ends. */
export function zipStage(sources: readonly Stage<unknown>[], join: (parts: unknown[]) => unknown): Stage<unknown> {
  const sizes = sources.map((s) => s.size);
  return {
    size: sizes.includes(0) ? 0 : sizes.includes(undefined) ? undefined : Math.min(...(sizes as number[])),
    open(epoch, from) {
      const states = saved(from, "sources") as readonly Json[] | undefined;
      const cursors = sources.map((s, i) => s.open(epoch, states?.[i]));
      let ended = saved(from, "ended") === true;
      const finish = (parts: (unknown | End)[]) => {
        ended = parts.includes(end);
        return ended ? end : join(parts);
      };
      return {
        next() {
          if (ended) return end;
          const parts = cursors.map((c) => c.next());
          return parts.some((p) => p instanceof Promise) ? Promise.all(parts).then(finish) : finish(parts);
        },
        state: () => ({ sources: cursors.map((c) => c.state()), ...(ended ? { ended } : {}) }),
        close: async () => void (await Promise.all(cursors.map((c) => c.close()))),
      };
    },
  };
}

export function concatenateStage<T>(sources: readonly Stage<T>[]): Stage<T> {
  const sizes = sources.map((s) => s.size);
  return {
    size: sizes.includes(undefined) ? undefined : (sizes as number[]).reduce((a, b) => a + b, 0),
    open(epoch, from) {
      let part = savedNumber(from, "part");
      let start = saved(from, "source");
      let cursor: Cursor<T> | null = null;
      const next = (): Maybe<T | End> => {
        const source = sources[part];
        if (!source) return end;
        cursor ??= source.open(epoch, start);
        start = undefined;
        return chain(cursor.next(), (x) => {
          if (x !== end) return x;
          const closed = cursor!.close();
          cursor = null;
          part++;
          return chain(closed, next);
        });
      };
      return {
        next,
        state: () => {
          const at = cursor ? cursor.state() : start;
          return { part, ...(at === undefined ? {} : { source: at }) };
        },
        close: () => cursor?.close(),
      };
    },
  };
}

/** Every element becomes a stage of its own; their elements follow each other. */
export function flatMapStage<T, U>(source: Stage<T>, expand: (element: T) => Maybe<Stage<U>>): Stage<U> {
  return {
    size: undefined,
    open(epoch, from) {
      const outer = source.open(epoch, saved(from, "outer"));
      let before: Json | undefined = saved(from, "outer"); // where the outer pass stood before the element that is open now
      let start = saved(from, "inner");
      let inner: Cursor<U> | null = null;
      const next = (): Maybe<U | End> => {
        if (inner)
          return chain(inner.next(), (x) => {
            if (x !== end) return x;
            const closed = inner!.close();
            inner = null;
            before = outer.state();
            return chain(closed, next);
          });
        before = outer.state();
        return chain(outer.next(), (x) => {
          if (x === end) return end;
          return chain(expand(x), (stage) => {
            inner = stage.open(epoch, start);
            start = undefined;
            return next();
          });
        });
      };
      return {
        next,
        state: () => ({
          ...(inner || before !== undefined ? { outer: before ?? null } : { outer: outer.state() }),
          ...(inner ? { inner: inner.state() } : start !== undefined ? { inner: start } : {}),
        }),
        close: async () => {
          await inner?.close();
          await outer.close();
        },
      };
    },
  };
}
