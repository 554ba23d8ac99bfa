import type { CellError, InputValue, Output } from "../output.ts";

/** One check of an exercise: its code runs after the learner's, with the same variables and `check`. */
export interface CheckSource {
  readonly name: string;
  readonly code: string;
  readonly points: number;
}

export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly points: number;
  readonly message?: string;
  readonly given?: string;
  readonly expected?: string;
  readonly hint?: string;
}

/** What a page asks of a kernel. */
export type Request =
  | { readonly type: "run"; readonly cell: string; readonly source: string; readonly inputs: Readonly<Record<string, InputValue>> }
  | { readonly type: "check"; readonly cell: string; readonly checks: readonly CheckSource[] }
  /** The answer to "file" and "module". */
  | { readonly type: "file"; readonly number: number; readonly bytes: Uint8Array<ArrayBuffer> | null; readonly error?: string };

/** What a kernel tells. All of it comes from code that nobody trusts. */
export type Reply =
  | { readonly type: "ready"; readonly device: string }
  | { readonly type: "output"; readonly cell: string; readonly output: Output }
  | {
      readonly type: "done";
      readonly cell: string;
      readonly milliseconds: number;
      readonly error: CellError | null;
      readonly defines: readonly string[];
      readonly uses: readonly string[];
    }
  | { readonly type: "checked"; readonly cell: string; readonly results: readonly CheckResult[] }
  /** Asks for a file of the lesson, or for the program of a module that is loaded when a cell imports it. */
  | { readonly type: "file" | "module"; readonly number: number; readonly name: string };
