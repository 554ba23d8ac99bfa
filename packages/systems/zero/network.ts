import type { Model } from "@gradus/nn";
import { compile, type Tensor, tensor } from "@gradus/tensor";
import type { Game } from "./games/game.ts";
import type { Evaluator, Opinions } from "./search/search.ts";

/** The next size that programs are made for: evaluations of other sizes are filled up. */
const padded = (n: number): number => (n <= 2 ? n : n <= 256 ? 2 ** Math.ceil(Math.log2(n)) : 256 * Math.ceil(n / 256));

/** A network as searches ask it. */
export function evaluatorOf(game: Game, model: Model): Evaluator {
  const program = compile((planes: Tensor) => model([planes]) as unknown as [Tensor, Tensor]);
  const size = game.rows * game.columns * game.planes;
  let rows = new Float32Array(0);
  return async (planes, n) => {
    const filled = padded(n);
    if (rows.length !== filled * size) rows = new Float32Array(filled * size);
    rows.set(planes.subarray(0, n * size));
    const input = tensor(rows).reshape([filled, game.rows, game.columns, game.planes]);
    const [policy, value] = program(input);
    const [logits, values] = await Promise.all([policy.data(), value.data()]);
    for (const array of [input, policy, value]) array.dispose();
    return { logits: logits as Float32Array, values: values as Float32Array };
  };
}

interface Request {
  readonly planes: Float32Array;
  readonly n: number;
  resolve(opinions: Opinions): void;
  reject(error: unknown): void;
}

/** After all that is ready to go on has gone on. */
const later: (f: () => void) => void = globalThis.setImmediate ?? ((f) => setTimeout(f));

/** Evaluations that several searches ask for at about the same time, as one. */
export function together(game: Game, evaluate: Evaluator): Evaluator {
  const size = game.rows * game.columns * game.planes;
  let waiting: Request[] = [];
  const flush = async (): Promise<void> => {
    const requests = waiting;
    waiting = [];
    const total = requests.reduce((sum, { n }) => sum + n, 0);
    const planes = new Float32Array(total * size);
    requests.reduce((at, { planes: part, n }) => {
      planes.set(part.subarray(0, n * size), at * size);
      return at + n;
    }, 0);
    try {
      const { logits, values } = await evaluate(planes, total);
      requests.reduce((at, { n, resolve }) => {
        resolve({ logits: logits.slice(at * game.actions, (at + n) * game.actions), values: values.slice(at, at + n) });
        return at + n;
      }, 0);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  };
  return (planes, n) =>
    new Promise((resolve, reject) => {
      if (!waiting.length) later(() => void flush());
      waiting.push({ planes, n, resolve, reject });
    });
}
