import { type Cursor, type End, end, type Json, type Maybe, type Stage, saved, savedNumber } from "./cursor.ts";

interface Pulled<T> {
  readonly value: T | End;
  /** Where the source stood after this element. */
  readonly state: Json;
  readonly index: number;
}

/**
 * Runs `work` on up to `ahead` elements at a time, before they are asked for, and gives the results in order. With the
 * identity this is `prefetch`; with a function that waits, or that other threads do, it is a parallel `map`.
 */
export function aheadStage<T, U>(
  source: Stage<T>,
  ahead: number,
  work: (element: T, epoch: number, index: number) => Maybe<U>,
  opened: () => () => void = () => () => {},
): Stage<U> {
  return {
    size: source.size,
    open(epoch, from) {
      const cursor: Cursor<T> = source.open(epoch, saved(from, "source"));
      const release = opened();
      let index = savedNumber(from, "index");
      let at: Json = from ?? { index, source: cursor.state() };
      let closed = false;
      let lastPull: Promise<Pulled<T>> | null = null;
      const queue: { pulled: Promise<Pulled<T>>; result: Promise<U | End> }[] = [];

      const pullNext = async (before: Promise<Pulled<T>> | null): Promise<Pulled<T>> => {
        const last = await before;
        if (last?.value === end || closed) return { value: end, state: last?.state ?? null, index };
        const value = await cursor.next();
        return { value, state: cursor.state(), index: value === end ? index : index++ };
      };
      const fill = (): void => {
        while (queue.length < ahead) {
          const pulled = pullNext(lastPull);
          const result = pulled.then((p): Maybe<U | End> => (p.value === end ? end : work(p.value, epoch, p.index)));
          result.catch(() => {}); // reported when its turn comes
          queue.push({ pulled, result });
          lastPull = pulled;
        }
      };
      return {
        async next() {
          fill();
          const { pulled, result } = queue.shift()!;
          const value = await result;
          const { state, index: place } = await pulled;
          if (value !== end) {
            at = { index: place + 1, source: state };
            fill();
          }
          return value;
        },
        state: () => at,
        async close() {
          if (closed) return;
          closed = true;
          await Promise.allSettled(queue.map((q) => q.result));
          release();
          await cursor.close();
        },
      };
    },
  };
}
