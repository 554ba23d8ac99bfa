import { Random } from "../random.ts";
import { chain, type End, end, type Json, type Maybe, replay, type Stage, savedNumber } from "./cursor.ts";

/**
 * Random order through a buffer of bounded size, as tf.data's shuffle: each step gives a random element of the buffer and
 * fills its place from the source. A buffer as large as the source gives every order with equal chance. Every pass has
 * another order, fixed by seed and pass, unless `reshuffle` is false. It is resumed by going over the pass from its start.
 */
export function shuffleStage<T>(source: Stage<T>, bufferSize: number, seed: number, reshuffle: boolean): Stage<T> {
  return {
    size: source.size,
    open(epoch, from) {
      const cursor = source.open(epoch);
      const random = new Random(seed, reshuffle ? epoch : 0);
      const buffer: T[] = [];
      let drained = false;
      let given = 0;
      const fill = (): Maybe<void> => {
        while (!drained && buffer.length < bufferSize) {
          const x = cursor.next();
          if (x instanceof Promise) return x.then(store).then(fill);
          store(x);
        }
      };
      const store = (x: T | End): void => {
        if (x === end) drained = true;
        else buffer.push(x);
      };
      const draw = (): T | End => {
        if (!buffer.length) return end;
        given++;
        const i = random.integer(buffer.length);
        const chosen = buffer[i] as T;
        buffer[i] = buffer[buffer.length - 1] as T;
        buffer.pop();
        return chosen;
      };
      const shuffled = {
        next: () => chain(fill(), draw),
        state: (): Json => ({ given }),
        close: () => cursor.close(),
      };
      return replay(shuffled, savedNumber(from, "given"), from);
    },
  };
}
