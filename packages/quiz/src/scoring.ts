import type { Choice, Target } from "./question.ts";

/** What each choice of a "multiple" question is worth: its credit, or an equal share, lost by each wrong one. */
export function creditsOf(choices: readonly Choice[]): number[] {
  const right = choices.filter((c) => c.correct).length || 1;
  return choices.map((c) => c.credit ?? (c.correct ? 1 : -1) / right);
}

/** Where a number lies: 0 within the target, -1 below it, 1 above. */
export function sideOf(target: Target, value: number): -1 | 0 | 1 {
  const [low, high] = boundsOf(target);
  // A last bit of rounding is nobody's mistake.
  const slack = 1e-12 * Math.max(Math.abs(low), Math.abs(high));
  return value < low - slack ? -1 : value > high + slack ? 1 : 0;
}

function boundsOf(target: Target): [number, number] {
  if ("min" in target) return [target.min, target.max];
  const allowed = absoluteTolerance(target);
  return [target.answer - allowed, target.answer + allowed];
}

export function absoluteTolerance({ answer, tolerance, relative }: Extract<Target, { answer: number }>): number {
  return relative ? tolerance * Math.abs(answer) : tolerance;
}

/** The items of an ordering question by their public keys: in alphabetical order, so that keys tell nothing. */
export function keysToPlaces(items: readonly string[]): number[] {
  return items.map((_, i) => i).sort((a, b) => (items[a]! < items[b]! ? -1 : items[a]! > items[b]! ? 1 : a - b));
}

/** Decimal and exponential numbers, as JSON and other platforms write them; a comma may stand for the point where `comma` is set. */
export function numberOf(text: string, { comma = false } = {}): number | null {
  if (text.length > 100) return null;
  let plain = text.trim().replace("−", "-");
  if (comma) plain = plain.replace(/^([-+]?\d+),(\d+)$/, "$1.$2");
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain)) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}

/** Whether a pattern with * fits, in time proportional to both lengths (a regular expression might take forever). */
export function matches(pattern: string, text: string): boolean {
  const parts = wildcardParts(pattern);
  const [head, tail] = [parts[0]!, parts.at(-1)!];
  if (parts.length === 1) return head === text;
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
  const end = text.length - tail.length;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function wildcardParts(pattern: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === "*") {
      parts.push(part);
      part = "";
    } else part += pattern[i] === "\\" && pattern[i + 1] === "*" ? pattern[++i] : pattern[i];
  }
  return [...parts, part];
}
