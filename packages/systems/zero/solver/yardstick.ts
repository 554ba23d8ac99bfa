// Draws positions of Connect Four by chance and writes what each move leads to with perfect play: one line a position, "4453 +=--.-+" for
// a win, a draw, a loss and a full column, from the side of who moves. What is written already stays: the same command goes on.
//   node packages/systems/zero/solver/yardstick.ts [--count 1000] [--seed 1] [--from 8] [--to 36] [--out FILE]
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Random } from "@gradus/data";
import { connectFour } from "../games/connect-four.ts";
import { Solver } from "./connect-four.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "8" },
    to: { type: "string", default: "36" },
    out: { type: "string", default: new URL("connect-four.positions.txt", import.meta.url).pathname },
  },
});
const [count, seed, from, to] = [values.count, values.seed, values.from, values.to].map(Number) as [number, number, number, number];
if (![count, seed, from, to].every((n) => Number.isInteger(n) && n >= 0) || from > to || to > 41) {
  console.error("yardstick: give whole numbers, --from not above --to, and that at most 41");
  process.exit(2);
}

const mirrored = (position: string): string => [...position].map((c) => String(8 - Number(c))).join("");
const random = new Random(seed);
const solver = new Solver();
const done = existsSync(values.out) ? readFileSync(values.out, "utf8").trimEnd().split("\n").filter(Boolean) : [];
const seen = new Set<string>();
const begin = performance.now();
for (let n = 0; n < count; ) {
  const plies = from + random.integer(to - from + 1);
  const state = connectFour.begin();
  while (!state.outcome && state.ply < plies) {
    const legal = state.legal();
    state.play(legal[random.integer(legal.length)]!);
  }
  if (state.outcome || seen.has(state.key)) continue;
  const position = state.position();
  seen.add(state.key);
  seen.add(connectFour.begin(mirrored(position)).key);
  if (n++ < done.length) continue;
  appendFileSync(
    values.out,
    `${position} ${solver
      .values(position)
      .map((v) => (v === null ? "." : "-=+"[v + 1]))
      .join("")}\n`,
  );
  if (n % 20 === 0) {
    const left = ((performance.now() - begin) / (n - done.length)) * (count - n);
    console.log(`${n}/${count} positions, ${Math.ceil(left / 60_000)} min left`);
  }
}
