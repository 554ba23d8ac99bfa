import { readFile } from "node:fs/promises";
import { type Dialect, GoGame, Gtp, gameOf, type Limits, UniversalProtocol, usi } from "@gradus/systems/zero";
import { ArgumentError } from "@gradus/tensor";
import { networkPlayer } from "../players.ts";
import { typedLines } from "../terminal.ts";
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
  const limits = limitsOf(options);
  // With pooled heads a network plays on boards of other sizes too.
  const player = async (board: GoGame) => (await networkPlayer(command, `go${board.size}`, options.weights, { seed: options.seed })).player;
  const gtp = new Gtp({
    ...{ name: "Gradus", version, size: game.size, limits, player },
    // Boards of other sizes have this komi too where it was asked for: go9:5.5.
    ...(name.includes(":") ? { komi: game.komi } : {}),
    readFile: (path) => readFile(path, "utf8"),
    write: (text) => void process.stdout.write(text),
  });
  for await (const line of typedLines()) {
    const answer = await gtp.answer(line);
    if (answer) process.stdout.write(answer);
    if (gtp.ended) return;
  }
  await gtp.stop();
}

/** Speaks UCI (chess) or USI (shogi) on standard input and output, until `quit` or the end of the input. */
export async function speakUniversal(name: string, protocol: "uci" | "usi", options: ProtocolOptions): Promise<void> {
  const game = await gameOf(name);
  const dialect = await dialectOf(protocol);
  if (game.name !== dialect.game.name)
    throw new ArgumentError(
      command,
      `${protocol.toUpperCase()} is for ${dialect.game.title}, not for ${game.title}`,
      `Use gradus play ${dialect.game.name} --${protocol}`,
    );
  const universal = new UniversalProtocol(dialect, {
    ...{ name: "Gradus", version, limits: limitsOf(options) },
    player: async () => (await networkPlayer(command, name, options.weights, { seed: options.seed })).player,
    write: (line) => void process.stdout.write(`${line}\n`),
  });
  for await (const line of typedLines()) {
    await universal.receive(line);
    if (universal.ended) return;
  }
  await universal.finish();
}

const limitsOf = ({ simulations = 400, seconds }: ProtocolOptions): Limits => (seconds === undefined ? { simulations } : { seconds });

/** A protocol with its game; what chess needs is loaded only then. */
export async function dialectOf(protocol: "uci" | "usi"): Promise<Dialect> {
  return protocol === "usi" ? usi : (await import("@gradus/systems/zero/chess")).uci;
}
