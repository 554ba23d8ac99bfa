import type { Outcome } from "@gradus/quiz";
import { siteUrl } from "../links.ts";
import { account, post } from "./account.svelte.ts";

/** What the server found of an exercise. */
export interface ExerciseGrade {
  readonly score: number | null;
  readonly points: number;
  readonly comment?: string;
  readonly state: "pending" | "graded" | "failed";
  readonly checks?: readonly { readonly name: string; readonly passed: boolean; readonly message?: string }[];
}

/** Waiting times between questions to the server, in ms: longer and longer, up to a limit. */
function* pauses(): Generator<number, never> {
  for (let pause = 700; ; pause = Math.min(20_000, pause * 1.5)) yield pause;
}
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The grades of a lesson's exercises: asked for again while something is still to be graded. */
export class ServerGrades {
  readonly lesson: string;
  grades = $state.raw<Readonly<Record<string, ExerciseGrade>>>({});
  private round = 0;

  constructor(lesson: string) {
    this.lesson = lesson;
  }

  /** Looks now, and from time to time until nothing is pending; a newer call takes over. */
  async watch(): Promise<void> {
    const round = ++this.round;
    for (const pause of pauses()) {
      if (!account.me || round !== this.round) return;
      try {
        const response = await fetch(siteUrl(`api/submissions?lesson=${encodeURIComponent(this.lesson)}`));
        if (!response.ok && response.status < 500) return;
        if (response.ok && round === this.round) {
          this.grades = ((await response.json()) as { grades: Record<string, ExerciseGrade> }).grades;
          if (!Object.values(this.grades).some((g) => g.state === "pending")) return;
        }
      } catch {
        // Offline: the next look may find the server again.
      }
      await sleep(pause);
    }
  }

  /** Looks no more: the page is left. */
  close(): void {
    this.round++;
  }
}

type Answered = Outcome & { readonly pending?: string };

/** Grades an answer on the server, and waits where it has to run code. */
export async function gradeOnServer(path: string, response: unknown): Promise<Outcome> {
  let outcome = await post<Answered>(path, { response });
  for (const pause of pauses()) {
    if (!outcome.pending) return outcome;
    await sleep(pause);
    const found = await fetch(siteUrl(`api/answers/${outcome.pending}`)).catch(() => null);
    if (found?.ok) outcome = (await found.json()) as Answered;
    else if (found && found.status < 500 && found.status !== 429) throw new Error(`The server answered ${found.status}.`);
  }
  return outcome;
}
