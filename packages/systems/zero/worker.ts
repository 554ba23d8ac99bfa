/** A thread that plays: see workers.ts. */
import { parentPort } from "node:worker_threads";
import type { Model } from "@gradus/nn";
import { init, tensor } from "@gradus/tensor";
import { gameOf } from "./games/index.ts";
import { zeroNetwork } from "./model.ts";
import { evaluatorOf } from "./network.ts";
import type { Evaluator } from "./search/search.ts";
import { SelfPlay } from "./self-play.ts";
import type { Answer, Order } from "./workers.ts";

const port = parentPort!;
const post = (answer: Answer): void => port.postMessage(answer);

let model: Model | null = null;
let evaluate: Evaluator | null = null;
let play: SelfPlay | null = null;

async function obey(order: Order): Promise<void> {
  if (order.kind === "begin") {
    // A core is all this thread has: others play beside it.
    await init({ device: "wasm", threads: 1 });
    const game = await gameOf(order.game);
    model = zeroNetwork(game, order.network);
    evaluate = evaluatorOf(game, model);
    play = new SelfPlay(game, order.options, order.seed);
    post({ kind: "done", evaluations: 0, moves: 0 });
    return;
  }
  order.weights.forEach((values, i) => {
    const variable = model!.weights[i]!;
    variable.assign(tensor(values).reshape(variable.shape));
  });
  post({ kind: "done", ...(await play!.play(evaluate!, order.games, (game) => post({ kind: "game", game }))) });
}

let turn = Promise.resolve();
port.on("message", (order: Order) => {
  turn = turn
    .then(() => obey(order))
    .catch((error: unknown) => post({ kind: "failed", message: String((error as Error)?.message ?? error) }));
});
