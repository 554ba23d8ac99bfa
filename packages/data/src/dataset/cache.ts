import { type Cursor, chain, type End, end, type Maybe, type Stage, savedNumber } from "./cursor.ts";

/** Keeps the elements of the first pass in memory; all passes read from there, several at a time if need be. */
export function cacheStage<T>(source: Stage<T>): Stage<T> {
  const kept: T[] = [];
  let complete = false;
  let cursor: Cursor<T> | null = null;
  let filling: Promise<void> | null = null;

  const store = (x: T | End): void => {
    if (x !== end) kept.push(x);
    else {
      complete = true;
      cursor = null;
    }
  };
  /** Gets one more element, for whichever pass asks first. */
  const extend = (): Maybe<void> => {
    if (filling) return filling;
    cursor ??= source.open(0);
    const x = cursor.next();
    if (!(x instanceof Promise)) return store(x);
    filling = x.then(store).finally(() => {
      filling = null;
    });
    return filling;
  };

  return {
    get size() {
      return complete ? kept.length : source.size;
    },
    open(_epoch, from) {
      let at = savedNumber(from, "at");
      const next = (): Maybe<T | End> => {
        if (at < kept.length) return kept[at++] as T;
        return complete ? end : chain(extend(), next);
      };
      return { next, state: () => ({ at }), close() {} };
    },
  };
}
