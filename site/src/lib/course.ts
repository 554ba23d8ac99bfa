import type { Door, Heading } from "@gradus/course";
import type { PublicQuestion } from "@gradus/quiz";
import type { ShownOutput } from "./outputs/drawn.ts";

/** A lesson as its page needs it. */
export interface LessonData {
  readonly slug: string;
  readonly number: number;
  readonly title: string;
  readonly question: string;
  readonly day: number | null;
  readonly minutes: number;
  readonly goals: readonly string[];
  readonly prerequisites: readonly string[];
  readonly blocks: readonly BlockData[];
  readonly headings: readonly Heading[];
  readonly version: string;
}

export type BlockData =
  | { readonly type: "prose"; readonly html: string; readonly source: string }
  | CellData
  | ExerciseData
  | {
      readonly type: "quiz";
      readonly id: string;
      readonly title: string;
      readonly questions: readonly (PublicQuestion & { readonly promptHtml: string })[];
    }
  | { readonly type: "box"; readonly kind: "aside" | "remember" | "reading" | "question"; readonly blocks: readonly BlockData[] };

interface Runnable {
  readonly id: string;
  /** Cells whose variables it takes. */
  readonly needs: readonly string[];
  readonly first: readonly ShownOutput[];
}

export interface CellData extends Runnable {
  readonly type: "cell";
  readonly source: string;
  readonly html: string;
  readonly figure: boolean;
  readonly caption: string;
}

export interface ExerciseData extends Runnable {
  readonly type: "exercise";
  readonly title: string;
  readonly task: string;
  readonly taskSource: string;
  readonly starter: string;
  readonly starterHtml: string;
  readonly hints: readonly string[];
  /** Those that run here; hidden ones stay on the server. */
  readonly checks: readonly { readonly name: string; readonly code: string; readonly points: number }[];
  readonly hiddenChecks: number;
  readonly solutionHtml: string;
  readonly points: number;
}

/** A line of the table of contents. */
export interface LessonSummary {
  readonly slug: string;
  readonly number: number;
  readonly title: string;
  readonly question: string;
  readonly day: number | null;
  readonly minutes: number;
  readonly door: Door | null;
  readonly exercises: readonly { readonly id: string; readonly title: string; readonly points: number }[];
}
