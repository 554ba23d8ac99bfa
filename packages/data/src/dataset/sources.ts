import { ArgumentError } from "@gradus/tensor";
import { type End, end, type Json, type Maybe, replay, type Stage, savedNumber } from "./cursor.ts";

export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** Elements of an iterable made anew for every pass. It is resumed by running over what was given already. */
export function generatorStage<T>(make: (epoch: number) => AnyIterable<T>, size?: number): Stage<T> {
  return {
    size,
    open(epoch, from) {
      let iterator: Iterator<T> | AsyncIterator<T> | null = null;
      let given = 0;
      const accept = (result: IteratorResult<T>): T | End => {
        if (result.done) return end;
        given++;
        return result.value;
      };
      const start = (): Iterator<T> | AsyncIterator<T> => {
        const iterable = make(epoch);
        if (typeof iterable === "object" && iterable !== null) {
          if (Symbol.asyncIterator in iterable) return iterable[Symbol.asyncIterator]();
          if (Symbol.iterator in iterable) return iterable[Symbol.iterator]();
        }
        throw new ArgumentError("Dataset.fromGenerator", `the function gave ${typeof iterable}`, "Give a generator function");
      };
      const cursor = {
        next(): Maybe<T | End> {
          iterator ??= start();
          const result = iterator.next();
          return result instanceof Promise ? result.then(accept) : accept(result);
        },
        state: (): Json => ({ given }),
        close: async () => void (await iterator?.return?.()),
      };
      return replay(cursor, savedNumber(from, "given"), from);
    },
  };
}

/** A list in memory. */
export function listStage<T>(list: readonly T[]): Stage<T> {
  return {
    size: list.length,
    open(_epoch, from) {
      let at = savedNumber(from, "at");
      return { next: () => (at < list.length ? (list[at++] as T) : end), state: () => ({ at }), close() {} };
    },
  };
}

/** 0, 1, ..., count - 1. */
export function rangeStage(count: number): Stage<number> {
  return {
    size: count,
    open(_epoch, from) {
      let at = savedNumber(from, "at");
      return { next: () => (at < count ? at++ : end), state: () => ({ at }), close() {} };
    },
  };
}
