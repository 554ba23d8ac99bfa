import { createInterface } from "node:readline";
import { type Choice, gameOf, type NetworkPlayer, type State } from "@gradus/systems/zero";
import { GradusError } from "@gradus/tensor";
import { networkPlayer } from "../players.ts";
import { indented, line, styled } from "../terminal.ts";

const command = "gradus play";

export interface PlayOptions {
  readonly weights?: string;
  readonly simulations?: number;
  readonly seconds?: number;
  readonly side: "first" | "second" | "none" | "both";
  readonly position?: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** `gradus play`: a game in the terminal, by typing moves. */
export async function play(name: string, options: PlayOptions): Promise<void> {
  const { side, json = false } = options;
  const human = { first: [true, false], second: [false, true], both: [true, true], none: [false, false] }[side];
  const game = await gameOf(name);
  const state = game.begin(options.position);
  const all = human.every(Boolean);
  const loaded = all ? null : await networkPlayer(command, name, options.weights, { seed: options.seed });
  const player = loaded?.player ?? null;
  const say = (text = ""): void => {
    if (!json) line(text);
  };
  const reader = createInterface({ input: process.stdin, crlfDelay: Infinity });
  const input = reader[Symbol.asyncIterator]();
  say(`${styled("bold", game.title)}. Type a move, or: moves, hint, undo, position, quit.`);
  const board = (named: string): string | undefined => named.split(":")[0];
  if (loaded && board(loaded.learned) !== board(name)) say(`Its network has learned ${loaded.learned}: on this board it plays weakly.`);
  say();
  try {
    say(indented(state.toString()));
    while (!state.outcome) {
      if (!human[state.turn]) {
        const choice = await player!.choose(state, limitsOf(options));
        const move = state.nameOf(choice.move);
        if (json) line(JSON.stringify({ ply: state.ply, move, value: choice.value, simulations: choice.simulations }));
        say(`\n${styled("cyan", move)}  ${styled("dim", thought(state, choice))}`);
        state.play(choice.move);
        say(indented(state.toString()));
        continue;
      }
      if (!json) process.stdout.write(`\nyour move (${state.turn === 0 ? "first" : "second"}): `);
      const { value, done } = await input.next();
      if (done) return say("");
      const word = (value as string).trim();
      if (word === "quit" || word === "exit") return;
      await obey(word, state, { player, options, human, say });
    }
    const { winner, reason } = state.outcome;
    if (json) line(JSON.stringify({ event: "end", winner: winner === null ? null : winner === 0 ? "first" : "second", reason }));
    say(`\n${styled("bold", winner === null ? "Drawn" : `${winner === 0 ? "The first" : "The second"} player wins`)}: ${reason}.`);
  } finally {
    reader.close();
  }
}

const limitsOf = ({ simulations, seconds }: PlayOptions) => ({
  ...(simulations === undefined ? {} : { simulations }),
  ...(seconds === undefined ? {} : { seconds }),
});

interface Table {
  readonly player: NetworkPlayer | null;
  readonly options: PlayOptions;
  readonly human: readonly boolean[];
  say(text?: string): void;
}

/** A word or a move that was typed. What is neither is answered with a sentence. */
async function obey(word: string, state: State, { player, options, human, say }: Table): Promise<void> {
  if (word === "") return;
  if (word === "moves")
    return say(
      indented(
        state
          .legal()
          .map((move) => state.nameOf(move))
          .join(" "),
      ),
    );
  if (word === "position") return say(indented(state.position()));
  if (word === "hint") {
    if (!player) return say(indented("nobody thinks here"));
    const choice = await player.choose(state, limitsOf(options));
    return say(indented(`${state.nameOf(choice.move)}  ${thought(state, choice)}`));
  }
  try {
    if (word === "undo") {
      // Back to one's own move before the last.
      do state.undo();
      while (state.ply && !human[state.turn]);
    } else state.play(state.actionOf(word));
    say(indented(state.toString()));
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    say(indented(error.message));
  }
}

/** What the player expects: the result, and the next moves. */
function thought(state: State, { value, simulations, line: moves }: Choice): string {
  const copy = state.clone();
  const names = moves.slice(0, 6).map((move) => {
    const name = copy.nameOf(move);
    copy.play(move);
    return name;
  });
  return `expects ${(50 + 50 * value).toFixed(0)} % of the point, ${simulations} simulations, ${names.join(" ")}`;
}
