/** A quiz: questions, how often they may be answered, and when. */
export interface Quiz {
  readonly id: string;
  readonly title: string;
  readonly questions: readonly Question[];
  /** Attempts allowed; unlimited unless given. */
  readonly attempts?: number | undefined;
  /** ISO times between which it can be answered. */
  readonly opens?: string | undefined;
  readonly closes?: string | undefined;
}

export type Question = Single | Multiple | Numeric | ShortText | Ordering | Matching | CodeQuestion;

interface Common {
  readonly id: string;
  /** A short name, for lists of questions. */
  readonly title?: string | undefined;
  /** Markdown. */
  readonly prompt: string;
  readonly points: number;
  /** Why the answer is what it is, in Markdown: shown once it was found, or when the answer is revealed. */
  readonly feedback?: string | undefined;
  readonly hint?: string | undefined;
  /** Subjects; the category of another platform becomes one. */
  readonly tags?: readonly string[] | undefined;
}

export interface Choice {
  readonly text: string;
  readonly correct: boolean;
  /** Share of the points it brings, from -1 to 1, where that is not what `correct` says. */
  readonly credit?: number | undefined;
  /** Shown to those who chose it. */
  readonly feedback?: string | undefined;
}

/** One of several choices. */
export interface Single extends Common {
  readonly type: "single";
  readonly choices: readonly Choice[];
}

/** All that are right. Each right one earns its share, each wrong one loses as much; never less than nothing. */
export interface Multiple extends Common {
  readonly type: "multiple";
  readonly choices: readonly Choice[];
}

/** Numbers within `tolerance` of the answer, absolute or (relative: true) as a share of it; or from `min` to `max`. */
export type Target =
  | { readonly answer: number; readonly tolerance: number; readonly relative?: boolean | undefined }
  | { readonly min: number; readonly max: number };

export type PartTarget = Target & { readonly credit: number; readonly feedback?: string | undefined };

/** A number. */
export type Numeric = Common & {
  readonly type: "numeric";
  /** Shown when the number is right. */
  readonly right?: string | undefined;
  /** Shown when it is none of the expected numbers. */
  readonly wrong?: string | undefined;
  /** Other numbers that earn something, or deserve a remark. The best that fits counts. */
  readonly others?: readonly PartTarget[] | undefined;
} & Target;

/** A few words; * in an accepted answer stands for any characters, \* for an asterisk. The best answer that fits counts. */
export interface ShortText extends Common {
  readonly type: "text";
  readonly answers: readonly {
    readonly text: string;
    /** Share of the points, 0 to 1. */
    readonly credit: number;
    readonly feedback?: string | undefined;
  }[];
  readonly caseSensitive?: boolean | undefined;
}

/** Items to be put into this order. Each neighbouring pair in order earns its share. */
export interface Ordering extends Common {
  readonly type: "ordering";
  readonly items: readonly string[];
}

/** Something from the right for each on the left. */
export interface Matching extends Common {
  readonly type: "matching";
  readonly pairs: readonly { readonly left: string; readonly right: string }[];
  /** More on the right, which belong nowhere. */
  readonly distractors?: readonly string[] | undefined;
}

/** Code that checks are run on. */
export interface CodeQuestion extends Common {
  readonly type: "code";
  readonly starter: string;
  readonly checks: readonly { readonly name: string; readonly code: string }[];
}

/** An answer as it arrives; whatever its shape, `grade` takes it. */
export type Response = unknown;

/** A question without its answers, as a learner may see it. */
export type PublicQuestion = Pick<Common, "id" | "prompt" | "points" | "hint"> &
  (
    | { readonly type: "single" | "multiple"; readonly choices: readonly { readonly key: number; readonly text: string }[] }
    | { readonly type: "numeric" | "text" }
    | { readonly type: "ordering"; readonly items: readonly { readonly key: number; readonly text: string }[] }
    | { readonly type: "matching"; readonly left: readonly string[]; readonly right: readonly string[] }
    | { readonly type: "code"; readonly starter: string }
  );
