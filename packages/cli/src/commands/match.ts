import { join } from "node:path";
import {
  distinct,
  type FinishedGame,
  forfeits,
  type Game,
  gameOf,
  type Limits,
  match,
  NetworkPlayer,
  type Player,
  randomPlayer,
  ratings,
  share,
  tally,
  together,
} from "@gradus/systems/zero";
import { GtpEngine, moveNames, record, UniversalEngine } from "@gradus/systems/zero/node";
import { ArgumentError, StateError } from "@gradus/tensor";
import { makeFolder } from "@gradus/tensor/io";
import { ownErrors } from "../own-errors.ts";
import { loadNetwork } from "../players.ts";
import { writeText } from "../run.ts";
import { bar, counted, line, styled, timeLeft } from "../terminal.ts";
import { dialectOf } from "./play-protocol.ts";

const command = "gradus match";

export interface MatchCommandOptions {
  readonly first: string;
  readonly second: string;
  readonly games: number;
  readonly concurrency: number;
  readonly simulations: number;
  readonly seconds?: number;
  readonly patience?: number;
  readonly opening?: number;
  readonly seed: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** A player of a match, made once for each of the games that go on at the same time. */
interface Entrant {
  readonly name: string;
  readonly limits: Limits;
  /** It makes the same move whenever it sees the same game. */
  readonly steady: boolean;
  make(table: number): Player;
}

type Engine = GtpEngine | UniversalEngine;

/** `gradus match`: games between two players, with sides changed, and what they say about strength. */
export async function playMatches(name: string, options: MatchCommandOptions): Promise<void> {
  const game = await gameOf(name);
  const engines: Engine[] = [];
  try {
    await playOut(game, options, engines);
  } finally {
    for (const engine of engines) engine.close();
  }
}

async function playOut(game: Game, options: MatchCommandOptions, engines: Engine[]): Promise<void> {
  const { games, concurrency, seed, json = false, out } = options;
  const say = (text: string): void => {
    if (!json) line(text);
  };
  const a = await entrant("--first", game, options, engines);
  const b = await entrant("--second", game, options, engines);
  // Two who always answer the same would play a single game again and again.
  const opening = options.opening ?? (a.steady && b.steady ? 2 : 0);
  const settings = { games, concurrency, opening, limits: [a.limits, b.limits], seed } as const;
  const pairs = async (table: number) => [a.make(table), b.make(table)] as const;
  const stream = await ownErrors(command, `--opening is ${opening}`, () => match(game, pairs, settings));
  if (out) await makeFolder(out);
  say(`${styled("bold", game.title)}: ${a.name} against ${b.name}, ${counted(games, "game")}`);
  if (opening !== options.opening && opening) say(`Games begin with ${opening} moves of chance; --opening says with how many.`);
  const played: FinishedGame[] = [];
  const progress = bar("{bar} {value}/{total} | {standing} | {left} left", json);
  const start = performance.now();
  try {
    for await (const finished of stream) {
      played.push(finished);
      const { number, termination, reason } = finished;
      if (out) {
        const { text, ending } = await record(game, finished, [a.name, b.name]);
        await writeText(join(out, `${String(number + 1).padStart(4, "0")}.${ending}`), text);
      }
      if (json) line(JSON.stringify({ event: "game", ...finished, moves: moveNames(game, finished.moves) }));
      else if (termination === "forfeit" || termination === "time") progress.above(() => line(`Game ${number + 1}: ${reason}`));
      const left = timeLeft(((performance.now() - start) / 1000 / played.length) * (games - played.length));
      progress.update(played.length, games, { standing: standing(played), left });
    }
  } finally {
    progress.stop();
  }
  // Games that are played again tell little new: what is known is as uncertain as after those that differ.
  const different = distinct(played);
  const { wins, draws, losses } = tally(played);
  const weight = different / played.length;
  const count = { wins: weight * wins, draws: weight * draws, losses: weight * losses };
  const { share: points, low, high } = share(count.wins, count.draws, count.losses);
  const { elo, margin } = ratings(2, [{ a: 1, b: 0, ...count }])[1]!;
  const seconds = Math.round((performance.now() - start) / 1000);
  const failed = { first: forfeits(played, 0), second: forfeits(played, 1) };
  if (json) {
    const strength = { share: points, low, high, elo, margin };
    const counts = { wins, draws, losses, forfeits: failed, distinct: different };
    return line(JSON.stringify({ event: "end", first: a.name, second: b.name, ...counts, ...strength, seconds }));
  }
  say(`${a.name}: ${standing(played)}, in ${timeLeft(seconds)}`);
  for (const [{ name }, n] of [[a, failed.first] as const, [b, failed.second] as const])
    if (n) say(`${name} lost ${counted(n, "game")} without being beaten: it failed or was late`);
  if (different < played.length)
    say(`Only ${different} of the ${games} games differ, and the interval is that of ${different}; --opening makes them differ.`);
  const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
  say(`${percent(points)} of the points (95 % interval ${percent(low)} to ${percent(high)}), Elo ${elo.toFixed(0)} ± ${margin.toFixed(0)}`);
}

function standing(games: readonly FinishedGame[]): string {
  const { wins, draws, losses } = tally(games);
  return `${wins} won, ${draws} drawn, ${losses} lost`;
}

/** Seconds that a program may think longer than --seconds says, unless --patience says how many. */
const margin = 5;

/** The player that an option names: "network:runs/a", "Fish=uci:stockfish". Programs are started once, so that those that are none are told of. */
async function entrant(option: "--first" | "--second", game: Game, options: MatchCommandOptions, engines: Engine[]): Promise<Entrant> {
  const text = options[option === "--first" ? "first" : "second"];
  const [, given, kind = "", rest = ""] = /^(?:([^=:]+)=)?([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  const { seconds, simulations, seed } = options;
  const limits: Limits = seconds === undefined ? { simulations } : { seconds };
  if (kind === "random") return { name: given ?? "random", limits, steady: false, make: (table) => randomPlayer(seed * 1000 + table) };
  if (kind === "network") {
    const { evaluate } = await loadNetwork(command, game.name, rest || undefined);
    // Positions of all games that go on at the same time are evaluated together.
    const shared = together(game, evaluate);
    const name = given ?? (rest || "Gradus");
    const make = (table: number) => new NetworkPlayer(shared, { name, seed: seed * 1000 + table, parallel: 4 });
    return { name, limits, steady: seconds === undefined, make };
  }
  if (!(kind === "gtp" || kind === "uci" || kind === "usi") || !rest)
    throw new ArgumentError(
      command,
      `there is no player ${JSON.stringify(text)}`,
      'Use network, network:FOLDER, random, or "gtp:gnugo --mode gtp --level 10", uci:PROGRAM, usi:PROGRAM; with a name: NAME=uci:PROGRAM',
    );
  const patience = options.patience === undefined ? { margin } : { patience: options.patience };
  const dialect = kind === "gtp" ? null : await dialectOf(kind);
  const start = (name: string | undefined): Engine => {
    const settings = { ...patience, ...(name === undefined ? {} : { name }) };
    const engine = dialect ? new UniversalEngine(rest, dialect, settings) : new GtpEngine(rest, settings);
    engines.push(engine);
    return engine;
  };
  const first = await greeted(option, game, () => start(given));
  const { name } = first;
  const ownLimits = dialect || seconds !== undefined ? limits : {};
  // The one that was greeted sits at the first table; those of other tables are started when they are first asked.
  return { name, limits: ownLimits, steady: false, make: (table) => (table ? start(name) : first) };
}

/** A program that has answered. ArgumentError where it does not, or knows no such game. */
async function greeted(option: string, game: Game, make: () => Engine): Promise<Engine> {
  try {
    const engine = make();
    await engine.greet(game);
    return engine;
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof StateError)) throw error;
    const fix =
      error.fix ?? (error instanceof StateError ? "Give a program that is there and speaks the protocol, with its options" : undefined);
    throw new ArgumentError(command, `${option}: ${error.operation}: ${error.problem}`, fix);
  }
}
