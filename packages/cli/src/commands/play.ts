import { type Choice, gameOf, type NetworkPlayer, type State } from "@gradus/systems/zero";
import { GradusError } from "@gradus/tensor";
import { networkPlayer } from "../players.ts";
import { indented, line, styled, typedLines } from "../terminal.ts";

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
  const tell = (event: object): void => {
    if (json) line(JSON.stringify(event));
  };
  const input = typedLines();
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
        tell({ ply: state.ply, move, value: choice.value, simulations: choice.simulations });
        say(`\n${styled("cyan", move)}  ${styled("dim", thought(state, choice))}`);
        state.play(choice.move);
        say(indented(state.toString()));
        continue;
      }
      if (!json) process.stdout.write(`\nyour move (${state.turn === 0 ? "first" : "second"}): `);
      const { value, done } = await input.next();
      if (done) return say("");
      const word = value.trim();
      if (word === "quit" || word === "exit") return;
      await obey(word, state, { player, options, human, say, tell });
    }
    const { winner, reason } = state.outcome;
    tell({ event: "end", winner: winner === null ? null : winner === 0 ? "first" : "second", reason });
    say(`\n${styled("bold", winner === null ? "Drawn" : `${winner === 0 ? "The first" : "The second"} player wins`)}: ${reason}.`);
  } finally {
    await input.return();
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
  /** To people. */
  say(text?: string): void;
  /** To programs. */
  tell(event: object): void;
}

/** A word or a move that was typed. What is neither is answered with a sentence. */
async function obey(word: string, state: State, { player, options, human, say, tell }: Table): Promise<void> {
  const answer = (text: string, event: object): void => {
    say(indented(text));
    tell(event);
  };
  if (word === "") return;
  if (word === "moves") {
    const moves = state.legal().map((move) => state.nameOf(move));
    return answer(moves.join(" "), { event: "moves", moves });
  }
  if (word === "position") return answer(state.position(), { event: "position", ply: state.ply, position: state.position() });
  if (word === "hint") {
    if (!player) return answer("nobody thinks here", { event: "error", message: "nobody thinks here" });
    const choice = await player.choose(state, limitsOf(options));
    const { value, simulations } = choice;
    const move = state.nameOf(choice.move);
    return answer(`${move}  ${thought(state, choice)}`, { event: "hint", ply: state.ply, move, value, simulations });
  }
  try {
    if (word === "undo") {
      // Back to one's own move before the last.
      do state.undo();
      while (state.ply && !human[state.turn]);
      return answer(state.toString(), { event: "undo", ply: state.ply, position: state.position() });
    }
    const { ply } = state;
    const action = state.actionOf(word);
    const move = state.nameOf(action);
    state.play(action);
    answer(state.toString(), { ply, move });
  } catch (error) {
    if (!(error instanceof GradusError)) throw error;
    answer(error.message, { event: "error", message: error.message });
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
