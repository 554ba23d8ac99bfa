import { join } from "node:path";
import {
  type Game,
  gameOf,
  type Limits,
  match,
  NetworkPlayer,
  type Player,
  randomPlayer,
  ratings,
  share,
  together,
} from "@gradus/systems/zero";
import { GtpEngine, moveNames, record, UniversalEngine } from "@gradus/systems/zero/node";
import { ArgumentError } from "@gradus/tensor";
import { makeFolder } from "@gradus/tensor/io";
import { loadNetwork } from "../players.ts";
import { writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";
import { dialectOf } from "./play-protocol.ts";

const command = "gradus match";

export interface MatchCommandOptions {
  readonly first: string;
  readonly second: string;
  readonly games: number;
  readonly concurrency: number;
  readonly simulations: number;
  readonly seconds?: number;
  readonly opening: number;
  readonly seed: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** A player of a match, made once for each of the games that go on at the same time. */
interface Entrant {
  readonly name: string;
  readonly limits: Limits;
  make(table: number): Player;
}

/** `gradus match`: games between two players, with sides changed, and what they say about strength. */
export async function playMatches(name: string, options: MatchCommandOptions): Promise<void> {
  const { games, json = false, out } = options;
  const say = (text: string): void => {
    if (!json) line(text);
  };
  const game = await gameOf(name);
  const engines: { close(): void }[] = [];
  const [a, b] = [await entrant(options.first, game, options, engines), await entrant(options.second, game, options, engines)];
  if (out) await makeFolder(out);
  say(`${styled("bold", game.title)}: ${a.name} against ${b.name}, ${games} games`);
  const settings = {
    games,
    concurrency: options.concurrency,
    opening: options.opening,
    limits: [a.limits, b.limits],
    seed: options.seed,
  } as const;
  const count = { wins: 0, draws: 0, losses: 0 };
  const progress = bar("{bar} {value}/{total} | {standing} | {left} left", json);
  const start = performance.now();
  try {
    for await (const finished of match(game, async (table) => [a.make(table), b.make(table)], settings)) {
      const { winner, side } = finished;
      count[winner === null ? "draws" : winner === side ? "wins" : "losses"]++;
      const done = count.wins + count.draws + count.losses;
      if (out) {
        const { text, ending } = await record(game, finished, [a.name, b.name]);
        await writeText(join(out, `${String(finished.number + 1).padStart(4, "0")}.${ending}`), text);
      }
      if (json) line(JSON.stringify({ event: "game", ...finished, moves: moveNames(game, finished.moves) }));
      const left = timeLeft(((performance.now() - start) / 1000 / done) * (games - done));
      progress.update(done, games, { standing: `${count.wins} won, ${count.draws} drawn, ${count.losses} lost`, left });
    }
  } finally {
    progress.stop();
    for (const engine of engines) engine.close();
  }
  const { share: points, low, high } = share(count.wins, count.draws, count.losses);
  const { elo, margin } = ratings(2, [{ a: 1, b: 0, ...count }])[1]!;
  const seconds = Math.round((performance.now() - start) / 1000);
  if (json)
    return line(JSON.stringify({ event: "end", first: a.name, second: b.name, ...count, share: points, low, high, elo, margin, seconds }));
  say(`${a.name}: ${count.wins} won, ${count.draws} drawn, ${count.losses} lost, in ${timeLeft(seconds)}`);
  const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
  say(`${percent(points)} of the points (95 % interval ${percent(low)} to ${percent(high)}), Elo ${elo.toFixed(0)} ± ${margin.toFixed(0)}`);
}

async function entrant(text: string, game: Game, options: MatchCommandOptions, engines: { close(): void }[]): Promise<Entrant> {
  const [, kind = "", rest = ""] = /^([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  const limits: Limits = options.seconds === undefined ? { simulations: options.simulations } : { seconds: options.seconds };
  if (kind === "random") return { name: "random", limits, make: (table) => randomPlayer(options.seed * 1000 + table) };
  if (kind === "network") {
    const { evaluate } = await loadNetwork(command, game.name, rest || undefined);
    // Positions of all games that go on at the same time are evaluated together.
    const shared = together(game, evaluate);
    const name = rest || "Gradus";
    return { name, limits, make: (table) => new NetworkPlayer(shared, { name, seed: options.seed * 1000 + table, parallel: 4 }) };
  }
  if (kind === "gtp" && rest) {
    const make = (): Player => {
      const engine = new GtpEngine(rest);
      engines.push(engine);
      return engine;
    };
    return { name: rest, limits: options.seconds === undefined ? {} : limits, make };
  }
  if ((kind === "uci" || kind === "usi") && rest) {
    const dialect = await dialectOf(kind);
    const make = (): Player => {
      const engine = new UniversalEngine(rest, dialect);
      engines.push(engine);
      return engine;
    };
    return { name: rest, limits, make };
  }
  throw new ArgumentError(
    command,
    `there is no player ${JSON.stringify(text)}`,
    'Use network, network:FOLDER, random, or "gtp:gnugo --mode gtp --level 10", uci:PROGRAM, usi:PROGRAM',
  );
}
