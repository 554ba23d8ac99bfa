import { createInterface } from "node:readline";
import { randomPlayer } from "../player.ts";
import { UniversalProtocol } from "../protocols/universal.ts";
import { usi } from "../protocols/usi.ts";

/** A program that speaks USI and plays moves of chance, for the tests that talk to one. */
const [seed = "1"] = process.argv.slice(2);
const protocol = new UniversalProtocol(usi, {
  ...{ name: "random", version: "1", limits: {} },
  player: async () => randomPlayer(Number(seed)),
  write: (line) => void process.stdout.write(`${line}\n`),
});
for await (const line of createInterface({ input: process.stdin })) {
  await protocol.receive(line);
  if (protocol.ended) break;
}
