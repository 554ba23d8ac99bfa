import { de } from "./de.ts";
import { en } from "./en.ts";

export type Language = "en" | "de";
export type Messages = typeof en;

export const messages: Readonly<Record<Language, Messages>> = { en, de };

/** "0.12 s", "1:05 min". */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 0.01) return `${milliseconds < 1 ? "<1" : milliseconds.toFixed(0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}
