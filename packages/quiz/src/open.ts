import type { Quiz } from "./question.ts";

export type Availability =
  | { readonly open: true }
  | { readonly open: false; readonly reason: "early" | "late" | "attempts"; readonly message: string };

/** Whether a quiz can be answered now, or why not. A time or a count that makes no sense keeps it closed. */
export function isOpen(quiz: Pick<Quiz, "attempts" | "opens" | "closes">, now: Date, attemptsUsed: number): Availability {
  const { opens, closes, attempts } = quiz;
  if (opens !== undefined && !(now.getTime() >= Date.parse(opens)))
    return { open: false, reason: "early", message: `The quiz opens at ${opens}.` };
  if (closes !== undefined && !(now.getTime() <= Date.parse(closes)))
    return { open: false, reason: "late", message: `The quiz closed at ${closes}.` };
  if (attempts !== undefined && !(attemptsUsed < attempts))
    return { open: false, reason: "attempts", message: `All ${attempts} attempts are used.` };
  return { open: true };
}
