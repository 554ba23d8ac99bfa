/** A quiz or a file of questions that cannot be used: what was being done, what stood there, what was expected. */
export class QuizError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "QuizError";
  }
}

/** Something of a file that could not be taken over as it is. */
export interface Problem {
  /** Line of the file where the question begins, from 1; none when writing. */
  readonly line?: number;
  /** Id or title of the question, where it has one. */
  readonly question?: string;
  readonly message: string;
}

/** A value as an error message shows it: short, on one line, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === "string") return value.length > 80 ? `${JSON.stringify(value.slice(0, 80))}…` : JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value === undefined || value === null) return value === null ? "null" : "nothing";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return Array.isArray(value) ? `a list of ${value.length}` : "an object";
}
