import type { Side } from "../games/game.ts";
import { type GoState, letters } from "../games/go/go.ts";

/** What is wrong with a command: GTP's own words where it has some. */
export class Refusal extends Error {}

/** A colour by its name, "b" or "white"; null for another word. */
export function colourIn(text: string | undefined): Side | null {
  const colour = text?.toLowerCase();
  if (colour === "b" || colour === "black") return 0;
  return colour === "w" || colour === "white" ? 1 : null;
}

export function colourOf(text: string | undefined): Side {
  const colour = colourIn(text);
  if (colour === null) throw new Refusal("invalid color");
  return colour;
}

export function numberOf(text: string | undefined, valid: (n: number) => boolean): number {
  const value = Number(text);
  if (text === undefined || !text.trim() || !Number.isFinite(value) || !valid(value)) throw new Refusal("syntax error");
  return value;
}
export const whole = (n: number): boolean => Number.isInteger(n) && n >= 0;

/** A point by its name, such as D4. */
export function pointOf(text: string | undefined, { game: { size } }: GoState): number {
  const [, letter, number] = /^([a-hj-t])(\d{1,2})$/.exec(text?.toLowerCase() ?? "") ?? [];
  const [column, row] = [letters.indexOf(letter ?? "?"), size - Number(number)];
  if (!(column >= 0 && column < size && row >= 0 && row < size)) throw new Refusal("invalid vertex");
  return row * size + column;
}

export const nameOf = (state: GoState, move: number): string => {
  const name = state.nameOf(move);
  return name === "pass" ? name : name.toUpperCase();
};
