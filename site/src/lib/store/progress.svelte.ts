import type { CheckResult } from "@gradus/notebook/protocol";
import type { Outcome } from "@gradus/quiz";
import type { Cell, Session } from "../notebook/session.svelte.ts";
import { tell } from "./account.svelte.ts";
import { changed, delivery, hold, isHeld, pull, pullMarks, release } from "./delivery.svelte.ts";
import {
  cellsWithHistory,
  handIn,
  type Revision,
  revisionsOf,
  type SavedAnswer,
  type SavedCell,
  type SavedResult,
  saveAnswer,
  saveCell,
  savedAnswers,
  savedCells,
  savedResults,
  saveResult,
} from "./local.ts";
import { account, connection, owner } from "./person.svelte.ts";
import { changedAt, type SaveState, stateOf } from "./rules.ts";

export type { SaveState } from "./rules.ts";

/** Writes a page's texts to the device, and tells where they stand. */
export class Keeper {
  readonly lesson: string;
  private readonly known = new Map<string, SavedCell>();
  private touched = $state(false);
  private writing = $state(0);
  private failed = $state(false);

  constructor(lesson: string) {
    this.lesson = lesson;
  }

  /** Where the texts stand, for the reader. */
  get state(): SaveState {
    const sending = delivery.sending || account.me === undefined || isHeld(this.lesson);
    return stateOf({
      ...{ touched: this.touched, writing: this.writing, failed: this.failed, ended: account.ended },
      ...{ as: owner() ? "person" : "guest", offline: connection.lost, unsent: delivery.unsent, sending },
    });
  }

  /** What is known to be kept, from here or elsewhere. */
  found(cell: SavedCell): void {
    this.touched = true;
    if (cell.at >= (this.known.get(cell.cell)?.at ?? 0)) this.known.set(cell.cell, cell);
  }

  /** Keeps a text on the device at once, and on the server a little later. `always` keeps the one before in the history. */
  save(cell: string, source: string, version: string, before: string | null, always = false): Promise<void> {
    const at = changedAt(Date.now(), this.known.get(cell)?.at);
    const row: SavedCell = { owner: owner(), lesson: this.lesson, cell, source, version, at, unsent: 1 };
    this.found(row);
    this.writing++;
    changed(row);
    return saveCell(row, before, always).then(
      () => {
        this.failed = false;
        this.writing--;
      },
      () => {
        this.failed = true;
        this.writing--;
      },
    );
  }
}

/** What a learner has done in one lesson, on this device and, when signed in, on the server. */
export class LessonProgress {
  readonly lesson: string;
  private readonly version: string;
  private readonly keeper: Keeper;
  results = $state.raw<Readonly<Record<string, SavedResult>>>({});
  /** Answers to quizzes, by quiz and question: "checks/q1". */
  answers = $state.raw<Readonly<Record<string, SavedAnswer>>>({});
  /** Own code that was written for another version of the lesson. */
  outdated = $state(false);
  /** Cells that have earlier texts. */
  withHistory = $state.raw<ReadonlySet<string>>(new Set());
  /** Cells that were written in since the page was opened: nothing that arrives later replaces them. */
  private readonly written = new Set<string>();
  /** While saved texts are put into the cells. */
  private restoring = false;
  private replacing = false;
  private restoredFor: string | null = null;

  constructor(lesson: string, version: string) {
    this.lesson = lesson;
    this.version = version;
    this.keeper = new Keeper(lesson);
  }

  get state() {
    return this.keeper.state;
  }

  /** Puts the learner's own code back into the cells: what this device has, at once. */
  async restore(session: Session): Promise<void> {
    hold(this.lesson);
    const who = owner();
    this.restoredFor = who;
    const [cells, results, answers, history] = await Promise.all([
      savedCells(who, this.lesson).catch(() => []),
      savedResults(who, this.lesson).catch(() => []),
      savedAnswers(who, this.lesson).catch(() => []),
      cellsWithHistory(who, this.lesson).catch(() => new Set<string>()),
    ]);
    this.putBack(session, cells);
    this.takeResults(results);
    const current = answers.filter((a) => a.version === this.version).map((a) => [`${a.quiz}/${a.question}`, a]);
    this.answers = { ...Object.fromEntries(current), ...this.answers };
    this.withHistory = new Set([...history, ...this.withHistory]);
  }

  /** Then, for those signed in, what the server has; the newer of device and server wins. */
  async catchUp(session: Session): Promise<void> {
    // Somebody has just signed in, with what a guest did here.
    if (owner() !== this.restoredFor) await this.restore(session);
    if (!account.me) return release(this.lesson);
    const [pulled] = await Promise.all([pull(this.lesson).catch(() => null), pullMarks().catch(() => {})]);
    if (pulled) this.putBack(session, pulled);
    this.takeResults(await savedResults(owner(), this.lesson).catch(() => []));
    this.withHistory = await cellsWithHistory(owner(), this.lesson).catch(() => this.withHistory);
    release(this.lesson);
  }

  private takeResults(found: readonly SavedResult[]): void {
    const newer = found.filter((r) => r.at >= (this.results[r.exercise]?.at ?? 0));
    this.results = { ...this.results, ...Object.fromEntries(newer.map((r) => [r.exercise, r])) };
  }

  private putBack(session: Session, cells: readonly SavedCell[]): void {
    for (const row of cells) {
      const cell = session.cells.get(row.cell);
      if (!cell) continue;
      this.keeper.found(row);
      const source = row.version ? row.source : cell.original;
      if (this.written.has(row.cell)) {
        // What was written meanwhile stands, and is the newer one.
        if (source !== cell.source) void this.keep(cell, null);
        continue;
      }
      if (row.version && row.version !== this.version && source !== cell.original) this.outdated = true;
      this.restoring = true;
      session.edit(row.cell, source);
      this.restoring = false;
    }
  }

  /** Notes a change at once on the device, and a little later on the server. */
  edited(cell: Cell, before: string): void {
    if (this.restoring) return;
    this.written.add(cell.id);
    void this.keep(cell, before);
  }

  private async keep(cell: Cell, before: string | null): Promise<void> {
    // Back at the lesson's own text: whatever was there before must stay to be found.
    const always = this.replacing || !cell.changed;
    await this.keeper.save(cell.id, cell.source, cell.changed ? this.version : "", before, always && before !== cell.original);
    if (!this.withHistory.has(cell.id)) this.withHistory = await cellsWithHistory(owner(), this.lesson).catch(() => this.withHistory);
  }

  /** Puts another text into a cell; the one that was there stays in the history. */
  replace(session: Session, cell: string, source: string): void {
    this.replacing = true;
    session.edit(cell, source);
    this.replacing = false;
  }

  /** Keeps the outcome of an exercise, and hands it in. */
  async checked(session: Session, exercise: string, results: readonly CheckResult[]): Promise<void> {
    const solved = results.every((r) => r.passed);
    const sources = Object.fromEntries(
      [...session.cells.values()].filter((c) => c.changed || c.id === exercise).map((c) => [c.id, c.source]),
    );
    const result = { ...this.resultOf(exercise), results, solved, sources, at: Date.now() };
    await this.keepResult(result);
    await tell("api/submissions", handIn(result));
  }

  sawSolution = (exercise: string): Promise<void> => this.keepResult({ ...this.resultOf(exercise), sawSolution: true, at: Date.now() });

  /** Begins an exercise anew; that its solution was seen stays known. */
  async reset(exercise: string): Promise<void> {
    if (!this.results[exercise]) return;
    const { sources, ...known } = this.resultOf(exercise);
    await this.keepResult({ ...known, results: [], solved: false, at: Date.now() });
  }

  private resultOf(exercise: string): SavedResult {
    const nothing = { lesson: this.lesson, exercise, results: [], solved: false, sawSolution: false, at: 0 };
    return { ...nothing, ...this.results[exercise], owner: owner() };
  }

  private async keepResult(result: SavedResult): Promise<void> {
    this.results = { ...this.results, [result.exercise]: result };
    await saveResult(result).catch(() => {});
  }

  /** Keeps an answer to a quiz, so that it is there when the reader comes back. */
  async answered(quiz: string, question: string, response: unknown, outcome: Outcome): Promise<void> {
    const { lesson, version } = this;
    const answer = { owner: owner(), lesson, quiz, question, version, response, outcome, at: Date.now() };
    this.answers = { ...this.answers, [`${quiz}/${question}`]: answer };
    await saveAnswer(answer).catch(() => {});
  }

  history = (cell: string): Promise<Revision[]> => revisionsOf(owner(), this.lesson, cell);
}
