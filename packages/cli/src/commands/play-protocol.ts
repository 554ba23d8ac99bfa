import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { GoGame, Gtp, gameOf, type Limits } from "@gradus/systems/zero";
import { ArgumentError } from "@gradus/tensor";
import { networkPlayer } from "../players.ts";
import { version } from "../version.ts";

const command = "gradus play";

export interface ProtocolOptions {
  readonly weights?: string;
  readonly simulations?: number;
  readonly seconds?: number;
  readonly seed: number;
}

/** Speaks the Go Text Protocol on standard input and output, until `quit` or the end of the input. */
export async function speakGtp(name: string, options: ProtocolOptions): Promise<void> {
  const game = await gameOf(name);
  if (!(game instanceof GoGame)) throw new ArgumentError(command, `GTP is for Go, not for ${game.title}`, "Use gradus play go9 --gtp");
  const limits: Limits = options.seconds === undefined ? { simulations: options.simulations ?? 400 } : { seconds: options.seconds };
  // With pooled heads a network plays on boards of other sizes too.
  const player = async (board: GoGame) => (await networkPlayer(command, `go${board.size}`, options.weights, { seed: options.seed })).player;
  const gtp = new Gtp({
    ...{ name: "Gradus", version, size: game.size, komi: game.komi, limits, player },
    readFile: (path) => readFile(path, "utf8"),
  });
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const answer = await gtp.answer(line);
    if (answer) process.stdout.write(answer);
    if (gtp.ended) return;
  }
}
