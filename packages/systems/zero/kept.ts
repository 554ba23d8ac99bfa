import type { Game } from "./games/game.ts";
import { terminations } from "./match.ts";
import type { PlayedGame } from "./self-play.ts";
import type { RunState } from "./train.ts";

/** Whether JSON is what a run has written: damaged files, and those of other games, are not taken for it. */
type Check = (value: unknown) => boolean;

const whole: Check = (x) => Number.isSafeInteger(x) && (x as number) >= 0;
const number: Check = Number.isFinite;
const text: Check = (x) => typeof x === "string";
const side: Check = (x) => x === 0 || x === 1;
const winner: Check = (x) => x === null || side(x);
const termination: Check = (x) => (terminations as readonly unknown[]).includes(x);
const below =
  (n: number): Check =>
  (x) =>
    whole(x) && (x as number) < n;
const list =
  (each: Check): Check =>
  (x) =>
    Array.isArray(x) && x.every(each);
const values =
  (each: Check): Check =>
  (x) =>
    typeof x === "object" && x !== null && !Array.isArray(x) && Object.values(x).every(each);
const record =
  (parts: Readonly<Record<string, Check>>): Check =>
  (x) =>
    typeof x === "object" && x !== null && Object.entries(parts).every(([key, check]) => check((x as Record<string, unknown>)[key]));

/** A game of a run, with numbers of moves that the game has. */
export function isGame(value: unknown, { actions }: Game): value is PlayedGame & { readonly number: number } {
  const moves = list(below(actions));
  const game = record({
    ...{ number: whole, moves, opening: whole, policies: list(record({ moves, p: list(number) })) },
    ...{ values: list(number), winner, reason: text },
  });
  if (!game(value)) return false;
  const { moves: played, opening, policies, values: seen } = value as PlayedGame;
  const searched = played.length - opening;
  return policies.length === searched && seen.length === searched && policies.every(({ moves: some, p }) => some.length === p.length);
}

/** A run's state. */
export function isState(value: unknown, { actions }: Game): value is RunState {
  const round = record({
    ...{ round: whole, games: whole, positions: whole, steps: whole, evaluations: whole, firstMoves: values(whole) },
    ...{ gameLength: number, playing: number, learning: number, losses: record({ policy: number, value: number }) },
    results: record({ first: whole, draws: whole, second: whole }),
  });
  if (!record({ rounds: list(round), rated: list(() => true) })(value)) return false;
  const { rounds, rated } = value as RunState;
  const sample = record({ number: whole, moves: list(below(actions)), opening: whole, side, winner, termination, reason: text });
  const network = below(rated.length);
  const score = record({ a: network, b: network, wins: whole, draws: whole, losses: whole });
  const rating = record({ round: (x) => below(rounds.length + 1)(x) && x !== 0, scores: list(score), samples: list(sample) });
  return rounds.length > 0 && rounds.every((r, i) => r.round === i + 1) && rated.every(rating);
}
