import type { CellError } from "../output.ts";
import { CellSyntaxError } from "./prepare.ts";

/** Thrown inside a cell that is asked to stop. */
export class Stopped extends Error {
  constructor() {
    super("Stopped.");
    this.name = "Stopped";
  }
}

/** A cell's program is called so in stack traces. */
export const sourceName = (cell: string): string => `cell-${cell.replace(/[^\w-]/g, "_")}.ts`;

/** An error as a page shows it, with the line of the cell where it happened. */
export function describeError(error: unknown, cell: string): CellError {
  if (error instanceof CellSyntaxError) return { name: error.name, message: error.message, line: error.line, column: error.column };
  if (!(error instanceof Error)) return { name: "Error", message: `The cell threw ${safely(() => String(error))}.` };
  const [name, message, stack] = [safely(() => error.name || "Error"), safely(() => error.message), safely(() => String(error.stack))];
  const line = lineIn(stack, sourceName(cell));
  return line ? { name, message, line } : { name, message };
}

/** Learners' objects may throw wherever one touches them. */
function safely(text: () => unknown): string {
  try {
    return String(text()).slice(0, 10_000);
  } catch {
    return "something that cannot be shown";
  }
}

function lineIn(stack: string, source: string): number | null {
  const escaped = source.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = new RegExp(`${escaped}:(\\d+):\\d+`).exec(stack);
  return found ? Number(found[1]) : null;
}
