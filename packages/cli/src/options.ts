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

/** A number above 0, for commander. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!text.trim() || !(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("Give a number above 0.");
  return value;
}
