import { ArgumentError } from "@gradus/tensor";
import { InvalidArgumentError } from "commander";

/** A whole number from 1 on, for commander. */
export function positive(text: string): number {
  const value = count(text);
  if (!value) throw new InvalidArgumentError("Give a whole number from 1 on.");
  return value;
}

/** A whole number from 0 on, for commander. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("Give a whole number.");
  return value;
}

/** A whole number from 0 on, for commander, with room for those that follow it: each picture or game has a seed of its own. */
export function seed(text: string): number {
  const value = count(text);
  if (value > 2 ** 52) throw new InvalidArgumentError(`Give a whole number up to ${2 ** 52}.`);
  return value;
}

/** A positive number, for commander. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(text.trim() && value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("Give a positive number.");
  return value;
}

/** A share from 0 to below 1, for commander. */
export function share(text: string): number {
  const value = Number(text);
  if (!(text.trim() && value >= 0 && value < 1)) throw new InvalidArgumentError("Give a number from 0 to below 1.");
  return value;
}

/** A number from 0 on, for commander. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (!(text.trim() && value >= 0 && Number.isFinite(value))) throw new InvalidArgumentError("Give a number from 0 on.");
  return value;
}

/** An option that may be given several times, for commander: its values as a list. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Whole numbers from 0 on with commas between them, for commander. */
export const list = (text: string): number[] => text.split(",").map((part) => count(part.trim()));

/** Bits of a weight that inference takes fewer of, for commander. */
export function fewBits(text: string): 8 | 4 {
  if (text === "8") return 8;
  if (text === "4") return 4;
  throw new InvalidArgumentError("Give 8 or 4.");
}

/** ArgumentError if one of these options was given, which say nothing here: "--scenes is `what`". */
export function refuseGiven(command: string, options: object, names: readonly string[], what: string, fix: string): void {
  const given = names.find((name) => (options as Readonly<Record<string, unknown>>)[name] !== undefined);
  if (given) throw new ArgumentError(command, `--${given.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} is ${what}`, fix);
}
