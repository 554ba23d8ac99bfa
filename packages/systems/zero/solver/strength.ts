// How often a network with a search plays Connect Four as perfect play would, on the positions of yardstick.ts, and how it opens.
//   node packages/systems/zero/solver/strength.ts [--weights FILE.safetensors] [--simulations 400] [--json]
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { init } from "@gradus/tensor";
import { loadZero, parseDescription } from "../files.ts";
import { connectFour } from "../games/connect-four.ts";
import { evaluatorOf } from "../network.ts";
import { NetworkPlayer } from "../network-player.ts";
import { judge, parsePositions } from "./judge.ts";

const near = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: {
    weights: { type: "string", default: near("../weights/connect4.safetensors") },
    simulations: { type: "string", default: "400" },
    json: { type: "boolean", default: false },
  },
});
const simulations = Number(values.simulations);
if (!(Number.isInteger(simulations) && simulations >= 1)) {
  console.error(`strength: --simulations is ${values.simulations}, give a positive whole number`);
  process.exit(2);
}
await init();
const description = parseDescription(readFileSync(values.weights.replace(/\.safetensors$/, ".json"), "utf8"), values.weights);
const { game, model } = await loadZero(description, values.weights, "connect4");
const evaluate = evaluatorOf(game, model);
const positions = parsePositions(readFileSync(near("connect-four.positions.txt"), "utf8"));
const begin = performance.now();
const { move } = await new NetworkPlayer(evaluate, { simulations }).choose(connectFour.begin());
const verdict = await judge(positions, async (states) => {
  const moves: number[] = [];
  for (const state of states) {
    moves.push((await new NetworkPlayer(evaluate, { simulations }).choose(state)).move);
    const done = moves.length;
    const left = Math.ceil((((performance.now() - begin) / done) * (states.length - done)) / 1000);
    if (!values.json && done % 50 === 0) console.error(`${done}/${states.length} positions, ${left} s left`);
  }
  return moves;
});
const { right, total, rightWhereItMatters: kept, totalWhereItMatters: all } = verdict;
if (values.json) console.log(JSON.stringify({ simulations, opening: move + 1, ...verdict }));
else
  console.log(
    `With ${simulations} simulations it opens in column ${move + 1}; ${right} of ${total} moves keep the value of the game ` +
      `(${((100 * right) / total).toFixed(1)} %), and ${kept} of the ${all} where some move would not (${((100 * kept) / all).toFixed(1)} %).`,
  );
