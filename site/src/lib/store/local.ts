import type { NotebookDocument } from "@gradus/course";
import type { CheckResult } from "@gradus/notebook/protocol";
import type { Outcome } from "@gradus/quiz";
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { newerOf } from "./rules.ts";

// Every row names its owner: the id of a person, or "" for a guest. People who share a computer do not meet here.

/** A learner's own code in place of a lesson's. */
export interface SavedCell {
  readonly owner: string;
  readonly lesson: string;
  readonly cell: string;
  readonly source: string;
  /** The lesson's version that it was written for; empty where the learner has gone back to the lesson's own text. */
  readonly version: string;
  readonly at: number;
  /** The server has yet to hear of it. */
  readonly unsent?: 1;
}

export interface SavedResult {
  readonly owner: string;
  readonly lesson: string;
  readonly exercise: string;
  readonly results: readonly CheckResult[];
  readonly solved: boolean;
  readonly sawSolution: boolean;
  readonly at: number;
  /** What was checked: the exercise's cell and all that were changed. */
  readonly sources?: Readonly<Record<string, string>>;
}

/** The last answer to a question of a lesson's quiz. */
export interface SavedAnswer {
  readonly owner: string;
  readonly lesson: string;
  readonly quiz: string;
  readonly question: string;
  /** The lesson's version: another may have other choices. */
  readonly version: string;
  readonly response: unknown;
  readonly outcome: Outcome;
  readonly at: number;
}

/** An earlier text of a cell. */
export interface Revision {
  readonly id?: number;
  readonly owner: string;
  readonly lesson: string;
  readonly cell: string;
  readonly source: string;
  readonly at: number;
}

/** Something other than code that the server should hear of as soon as it can. */
export interface Outgoing {
  readonly id?: number;
  readonly owner: string;
  readonly path: string;
  readonly body: unknown;
}

export interface Place {
  readonly owner: string;
  readonly lesson: string;
  readonly title: string;
  readonly anchor: string;
  readonly at: number;
}

interface Schema extends DBSchema {
  cells: { key: [string, string, string]; value: SavedCell; indexes: { unsent: [string, 1] } };
  results: { key: [string, string, string]; value: SavedResult };
  answers: { key: [string, string, string, string]; value: SavedAnswer };
  history: { key: number; value: Revision; indexes: { place: [string, string, string] } };
  outbox: { key: number; value: Outgoing; indexes: { owner: string } };
  places: { key: string; value: Place };
}

type Writing = IDBPTransaction<Schema, ("cells" | "history")[], "readwrite">;

let opened: Promise<IDBPDatabase<Schema>> | null = null;

function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>("gradus", 2, {
    async upgrade(db, before, _after, tx) {
      const old = before === 1 ? await firstVersion(tx as unknown as IDBPTransaction<unknown, string[], "versionchange">) : null;
      for (const name of [...db.objectStoreNames]) db.deleteObjectStore(name);
      db.createObjectStore("cells", { keyPath: ["owner", "lesson", "cell"] }).createIndex("unsent", ["owner", "unsent"]);
      db.createObjectStore("results", { keyPath: ["owner", "lesson", "exercise"] });
      db.createObjectStore("answers", { keyPath: ["owner", "lesson", "quiz", "question"] });
      db.createObjectStore("history", { keyPath: "id", autoIncrement: true }).createIndex("place", ["owner", "lesson", "cell"]);
      db.createObjectStore("outbox", { keyPath: "id", autoIncrement: true }).createIndex("owner", "owner");
      db.createObjectStore("places", { keyPath: "owner" });
      for (const cell of old?.cells ?? []) await tx.objectStore("cells").put(cell);
      for (const result of old?.results ?? []) await tx.objectStore("results").put(result);
      for (const revision of old?.history ?? []) await tx.objectStore("history").put(revision);
    },
    // A page of a newer version waits for this.
    blocking(_current, _wanted, event) {
      (event.target as IDBDatabase).close();
      opened = null;
    },
    terminated() {
      opened = null;
    },
  });
  opened.catch(() => {
    opened = null;
  });
  return opened;
}

/** The rows of the first version, which had no owners: they pass for a guest's. */
async function firstVersion(tx: IDBPTransaction<unknown, string[], "versionchange">) {
  const all = async <T>(name: string) => (await tx.objectStore(name).getAll()) as T[];
  const guests = <T>(rows: T[]) => rows.map((row) => ({ ...row, owner: "" }));
  const notebooks = (await all<NotebookDocument & { id: string; at: number }>("notebooks")).map(({ id, at, title, cells }) => ({
    ...{ lesson: scratch, cell: id, source: JSON.stringify({ title, cells }), version: notebookVersion, at },
  }));
  return {
    cells: guests([...(await all<Omit<SavedCell, "owner">>("cells")), ...notebooks]).map((c) => ({ ...c, unsent: 1 as const })),
    results: guests(await all<Omit<SavedResult, "owner">>("results")),
    history: guests(await all<Omit<Revision, "owner">>("history")),
  };
}

/** All keys that begin so. */
const under = (...start: string[]) => IDBKeyRange.bound(start, [...start, []]);

/** Earlier texts of a cell that are kept. */
const mostRevisions = 30;
/** A new revision is made when the last is older, in ms. */
const revisionEvery = 60_000;

/** Adds an earlier text to a cell's history, unless it is there as the last one. */
async function addRevision(tx: Writing, revision: Revision, always: boolean): Promise<void> {
  const { owner, lesson, cell, source, at } = revision;
  const history = tx.objectStore("history");
  const known = await history.index("place").getAll([owner, lesson, cell]);
  const last = known.at(-1);
  if (source === last?.source || (!always && at - (last?.at ?? 0) <= revisionEvery)) return;
  await history.add({ owner, lesson, cell, source, at });
  for (const old of known.slice(0, Math.max(0, known.length + 1 - mostRevisions))) await history.delete(old.id!);
}

/** Keeps a cell's text. The one before goes to its history now and then; `always` where another text took its place at a stroke. */
export async function saveCell(cell: SavedCell, before: string | null, always = false): Promise<void> {
  const tx = (await database()).transaction(["cells", "history"], "readwrite");
  const { owner, lesson, cell: id, source, at } = cell;
  // Asked for at one go, so that a page that closes now still has its text kept.
  const [there] = await Promise.all([tx.objectStore("cells").get([owner, lesson, id]), tx.objectStore("cells").put(cell)]);
  // Another page's text, or one that had not been read yet when this one was begun.
  if (there?.version && there.source !== before && there.source !== source)
    await addRevision(tx, { owner, lesson, cell: id, source: there.source, at }, true);
  if (before !== null && before !== source) await addRevision(tx, { owner, lesson, cell: id, source: before, at }, always);
  await tx.done;
}

export const savedCells = async (owner: string, lesson: string): Promise<SavedCell[]> =>
  (await database()).getAll("cells", under(owner, lesson));

export const unsentCells = async (owner: string): Promise<SavedCell[]> => (await database()).getAllFromIndex("cells", "unsent", [owner, 1]);

/** The server has these texts, as written at the given times; a text that has changed since stays unsent. */
export async function markSent(sent: readonly SavedCell[], serverNow: number): Promise<void> {
  const tx = (await database()).transaction("cells", "readwrite");
  for (const { owner, lesson, cell, at } of sent) {
    const row = await tx.store.get([owner, lesson, cell]);
    if (row?.at !== at) continue;
    const { unsent, ...rest } = row;
    await tx.store.put({ ...rest, at: Math.min(at, serverNow) });
  }
  await tx.done;
}

/** Takes the server's texts of a lesson; the newer wins, the other goes to the history, and what the server lacks is marked unsent. */
export async function mergeCells(owner: string, lesson: string, fromServer: readonly Omit<SavedCell, "owner" | "lesson">[]): Promise<void> {
  const tx = (await database()).transaction(["cells", "history"], "readwrite");
  const store = tx.objectStore("cells");
  const here = new Map((await store.getAll(under(owner, lesson))).map((c) => [c.cell, c]));
  const there = new Map(fromServer.map(({ cell, source, version, at }) => [cell, { owner, lesson, cell, source, version, at }]));
  for (const cell of new Set([...here.keys(), ...there.keys()])) {
    const { winner, loser, send } = newerOf<SavedCell, SavedCell>(here.get(cell) ?? null, there.get(cell) ?? null);
    const { unsent, ...row } = winner;
    await store.put(send ? { ...row, unsent: 1 } : row);
    if (loser?.version) await addRevision(tx, { owner, lesson, cell, source: loser.source, at: Date.now() }, true);
  }
  await tx.done;
}

export const revisionsOf = async (owner: string, lesson: string, cell: string): Promise<Revision[]> =>
  (await (await database()).getAllFromIndex("history", "place", [owner, lesson, cell])).reverse();

/** The cells of a lesson that have earlier texts. */
export const cellsWithHistory = async (owner: string, lesson: string): Promise<Set<string>> =>
  new Set((await (await database()).getAllFromIndex("history", "place", under(owner, lesson))).map((r) => r.cell));

export const saveResult = async (result: SavedResult): Promise<void> => void (await (await database()).put("results", result));
export const savedResults = async (owner: string, lesson: string): Promise<SavedResult[]> =>
  (await database()).getAll("results", under(owner, lesson));
export const everyResult = async (owner: string): Promise<SavedResult[]> => (await database()).getAll("results", under(owner));

export const saveAnswer = async (answer: SavedAnswer): Promise<void> => void (await (await database()).put("answers", answer));
export const savedAnswers = async (owner: string, lesson: string): Promise<SavedAnswer[]> =>
  (await database()).getAll("answers", under(owner, lesson));

export const enqueue = async (message: Outgoing): Promise<void> => void (await (await database()).add("outbox", message));
export const outgoing = async (owner: string): Promise<Outgoing[]> => (await database()).getAllFromIndex("outbox", "owner", owner);
export const howManyOutgoing = async (owner: string): Promise<number> => (await database()).countFromIndex("outbox", "owner", owner);
export const delivered = async (id: number): Promise<void> => (await database()).delete("outbox", id);

/** Where the reader was last. */
export const markPlace = async (place: Omit<Place, "at">): Promise<void> =>
  void (await (await database()).put("places", { ...place, at: Date.now() }));
export const lastPlace = async (owner: string): Promise<Place | undefined> => (await database()).get("places", owner);

// ----------------------------------------------------------------------------------------------------- the scratch page

/** Notebooks of the scratch page are kept as cells of a lesson of this name, so that they have all that cells have. */
export const scratch = "scratch";
export const notebookVersion = "notebook";

export interface SavedNotebook extends NotebookDocument {
  readonly id: string;
  readonly at: number;
}

export function readNotebook(source: string): NotebookDocument | null {
  try {
    const { title, cells } = JSON.parse(source) as NotebookDocument;
    const sound = Array.isArray(cells) && cells.every((c) => typeof c.id === "string" && typeof c.source === "string");
    return sound ? { title: String(title), cells } : null;
  } catch {
    return null; // no notebook
  }
}

export async function savedNotebooks(owner: string): Promise<SavedNotebook[]> {
  const rows = (await savedCells(owner, scratch)).sort((a, b) => b.at - a.at);
  return rows.flatMap(({ cell, source, version, at }) => {
    const notebook = version ? readNotebook(source) : null;
    return notebook ? [{ ...notebook, id: cell, at }] : [];
  });
}

// --------------------------------------------------------------------------------------------------------- taking along

/** How many things a guest has left here. */
export async function guestsWork(): Promise<number> {
  const db = await database();
  const [cells, results, answers] = await Promise.all([
    db.getAll("cells", under("")),
    db.count("results", under("")),
    db.count("answers", under("")),
  ]);
  return cells.filter((c) => c.version).length + results + answers;
}

/** What the server is told of an exercise that was checked. */
export const handIn = ({ lesson, exercise, sources, results, sawSolution }: SavedResult): unknown => ({
  ...{ lesson, exercise, sources, sawSolution },
  results: results.map(({ name, passed, message }) => ({ name, passed, ...(message ? { message: message.slice(0, 5000) } : {}) })),
});

/**
 * Makes a guest's work somebody's own: all of it, once, as one transaction. A text goes along when it is newer than what this person
 * has; the older one goes to the history. Exercises and answers are handed in. Gives the lessons concerned.
 */
export async function adopt(owner: string): Promise<string[]> {
  const tx = (await database()).transaction(["cells", "results", "answers", "history", "outbox", "places"], "readwrite");
  const [cells, results, answers] = [tx.objectStore("cells"), tx.objectStore("results"), tx.objectStore("answers")];
  const guest = under("");
  const lessons = new Set<string>();
  for (const revision of await tx.objectStore("history").index("place").getAll(guest))
    await tx.objectStore("history").put({ ...revision, owner });
  for (const row of await cells.getAll(guest)) {
    lessons.add(row.lesson);
    const { winner, loser } = newerOf(row, (await cells.get([owner, row.lesson, row.cell])) ?? null);
    await cells.put(winner === row ? { ...row, owner, unsent: 1 } : winner);
    if (loser?.version)
      await addRevision(tx as never, { ...{ owner, lesson: row.lesson, cell: row.cell }, source: loser.source, at: loser.at }, true);
  }
  for (const row of await results.getAll(guest)) {
    lessons.add(row.lesson);
    const own = await results.get([owner, row.lesson, row.exercise]);
    const sawSolution = row.sawSolution || (own?.sawSolution ?? false);
    await results.put({ ...(own && own.at > row.at ? own : row), owner, sawSolution });
    if (row.sources && row.results.length)
      await tx.objectStore("outbox").add({ owner, path: "api/submissions", body: handIn({ ...row, sawSolution }) });
  }
  for (const row of await answers.getAll(guest)) {
    lessons.add(row.lesson);
    await answers.put({ ...row, owner });
    const { lesson, quiz, question, response } = row;
    await tx.objectStore("outbox").add({ owner, path: `api/quiz/${lesson}/${quiz}/${question}`, body: { response } });
  }
  const place = await tx.objectStore("places").get("");
  if (place) await tx.objectStore("places").put({ ...place, owner });
  for (const store of [cells, results, answers]) await store.delete(guest);
  await tx.objectStore("places").delete("");
  await tx.done;
  return [...lessons];
}
