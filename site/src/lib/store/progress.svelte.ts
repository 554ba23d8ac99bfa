import type { CheckResult } from "@gradus/notebook/protocol";
import { siteUrl } from "../links.ts";
import type { Cell, Session } from "../notebook/session.svelte.ts";
import { account, tell } from "./account.svelte.ts";
import {
  forgetCell,
  keepRevision,
  type Revision,
  revisionsOf,
  type SavedResult,
  saveCell,
  savedCells,
  savedResults,
  saveResult,
} from "./local.ts";

/** What the server gave for an exercise, and what an instructor said of it. */
export interface Grade {
  readonly score: number;
  readonly points: number;
  readonly comment?: string;
}

export type SaveState = "nothing" | "saving" | "device" | "server" | "failed";

/** The server hears of changes when typing has paused for so long, in ms. */
const pause = 1500;

/** What a learner has done in one lesson, on this device and, when signed in, on the server. */
export class LessonProgress {
  readonly lesson: string;
  private readonly version: string;
  state = $state<SaveState>("nothing");
  results = $state.raw<Readonly<Record<string, SavedResult>>>({});
  grades = $state.raw<Readonly<Record<string, Grade>>>({});
  /** Own code that was written for another version of the lesson. */
  outdated = $state(false);
  private waiting = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(lesson: string, version: string) {
    this.lesson = lesson;
    this.version = version;
  }

  /** Puts the learner's own code back into the cells; the newer of device and server wins. */
  async restore(session: Session): Promise<void> {
    const local = await savedCells(this.lesson).catch(() => []);
    const found = new Map(local.map((c) => [c.cell, c]));
    if (account.me)
      try {
        const response = await fetch(siteUrl(`api/cells?lesson=${encodeURIComponent(this.lesson)}`));
        const { cells, grades } = (await response.json()) as {
          cells: { cell: string; source: string; version: string; at: number }[];
          grades?: Readonly<Record<string, Grade>>;
        };
        for (const c of cells) if (c.at > (found.get(c.cell)?.at ?? 0)) found.set(c.cell, { ...c, lesson: this.lesson });
        this.grades = grades ?? {};
      } catch {
        // Offline: the device has what it has.
      }
    for (const { cell, source, version } of found.values()) {
      if (!session.cells.has(cell)) continue;
      if (version !== this.version) this.outdated = true;
      session.cell(cell).source = source;
    }
    this.results = Object.fromEntries((await savedResults(this.lesson).catch(() => [])).map((r) => [r.exercise, r]));
    if (found.size) this.state = account.me ? "server" : "device";
  }

  /** Notes a change at once on the device, and a little later on the server. */
  edited(cell: Cell, before: string): void {
    this.state = "saving";
    const { lesson, version } = this;
    const at = Date.now();
    const done = cell.changed ? saveCell({ lesson, cell: cell.id, source: cell.source, version, at }, before) : forgetCell(lesson, cell.id);
    done.then(
      () => {
        if (!account.me) this.state = "device";
      },
      () => {
        this.state = "failed";
      },
    );
    if (!account.me) return;
    this.waiting.set(cell.id, cell.source);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.send(), pause);
  }

  private async send(): Promise<void> {
    const cells = [...this.waiting].map(([cell, source]) => ({ lesson: this.lesson, cell, source, version: this.version, at: Date.now() }));
    this.waiting.clear();
    try {
      this.state = (await tell("api/cells", { cells })) === null ? "device" : "server";
    } catch {
      this.state = "device";
    }
  }

  /** Keeps the outcome of an exercise, and hands it in. */
  async checked(session: Session, exercise: string, results: readonly CheckResult[]): Promise<void> {
    const solved = results.every((r) => r.passed);
    const sawSolution = this.results[exercise]?.sawSolution ?? false;
    const result: SavedResult = { lesson: this.lesson, exercise, results, solved, sawSolution, at: Date.now() };
    this.results = { ...this.results, [exercise]: result };
    await saveResult(result).catch(() => {
      this.state = "failed";
    });
    if (!account.me) return;
    const sources = Object.fromEntries(
      [...session.cells.values()].filter((c) => c.changed || c.id === exercise).map((c) => [c.id, c.source]),
    );
    await tell("api/submissions", { lesson: this.lesson, exercise, sources, results, sawSolution });
  }

  async sawSolution(exercise: string): Promise<void> {
    const known = this.results[exercise];
    const result: SavedResult = {
      lesson: this.lesson,
      exercise,
      results: known?.results ?? [],
      solved: known?.solved ?? false,
      sawSolution: true,
      at: Date.now(),
    };
    this.results = { ...this.results, [exercise]: result };
    await saveResult(result).catch(() => {});
  }

  async reset(exercise: string, source: string): Promise<void> {
    await keepRevision({ lesson: this.lesson, cell: exercise, source, at: Date.now() }).catch(() => {});
    const gone = this.results[exercise];
    if (!gone) return;
    // That the solution was seen stays.
    const result = { ...gone, results: [], solved: false, at: Date.now() };
    this.results = { ...this.results, [exercise]: result };
    await saveResult(result).catch(() => {});
  }

  history = (cell: string): Promise<Revision[]> => revisionsOf(this.lesson, cell);
}
