import type { NotebookDocument } from "@gradus/course";
import type { CheckResult } from "@gradus/notebook/protocol";
import { type DBSchema, type IDBPDatabase, openDB } from "idb";

/** A learner's own code in place of a lesson's. */
export interface SavedCell {
  readonly lesson: string;
  readonly cell: string;
  readonly source: string;
  /** The lesson's version that it was written for. */
  readonly version: string;
  readonly at: number;
  /** Whether the server has it too. */
  readonly synced?: boolean;
}

export interface SavedResult {
  readonly lesson: string;
  readonly exercise: string;
  readonly results: readonly CheckResult[];
  readonly solved: boolean;
  readonly sawSolution: boolean;
  readonly at: number;
}

/** An earlier text of a cell. */
export interface Revision {
  readonly id?: number;
  readonly lesson: string;
  readonly cell: string;
  readonly source: string;
  readonly at: number;
}

export interface SavedNotebook extends NotebookDocument {
  readonly id: string;
  readonly at: number;
}

/** Something the server should hear of as soon as it can be reached. */
export interface Outgoing {
  readonly id?: number;
  readonly path: string;
  readonly body: unknown;
}

interface Schema extends DBSchema {
  cells: { key: [string, string]; value: SavedCell; indexes: { lesson: string } };
  results: { key: [string, string]; value: SavedResult; indexes: { lesson: string } };
  history: { key: number; value: Revision; indexes: { place: [string, string] } };
  notebooks: { key: string; value: SavedNotebook };
  outbox: { key: number; value: Outgoing };
  places: { key: string; value: { readonly lesson: string; readonly title: string; readonly anchor: string; readonly at: number } };
}

let opened: Promise<IDBPDatabase<Schema>> | null = null;

function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>("gradus", 1, {
    upgrade(db) {
      db.createObjectStore("cells", { keyPath: ["lesson", "cell"] }).createIndex("lesson", "lesson");
      db.createObjectStore("results", { keyPath: ["lesson", "exercise"] }).createIndex("lesson", "lesson");
      db.createObjectStore("history", { keyPath: "id", autoIncrement: true }).createIndex("place", ["lesson", "cell"]);
      db.createObjectStore("notebooks", { keyPath: "id" });
      db.createObjectStore("outbox", { keyPath: "id", autoIncrement: true });
      db.createObjectStore("places");
    },
  });
  return opened;
}

/** Earlier texts of a cell that are kept. */
const mostRevisions = 30;
/** A new revision is made when the last is older, in ms. */
const revisionEvery = 60_000;

/** Keeps a cell's text; the one before goes to its history now and then. */
export async function saveCell(cell: SavedCell, before: string): Promise<void> {
  const db = await database();
  const tx = db.transaction(["cells", "history"], "readwrite");
  await tx.objectStore("cells").put(cell);
  const index = tx.objectStore("history").index("place");
  const revisions = await index.getAll([cell.lesson, cell.cell]);
  const last = revisions.at(-1);
  if (before !== cell.source && before !== last?.source && cell.at - (last?.at ?? 0) > revisionEvery)
    await tx.objectStore("history").add({ lesson: cell.lesson, cell: cell.cell, source: before, at: cell.at });
  for (const old of revisions.slice(0, -mostRevisions)) await tx.objectStore("history").delete(old.id!);
  await tx.done;
}

/** Notes a text in a cell's history whatever the time. */
export async function keepRevision(revision: Revision): Promise<void> {
  await (await database()).add("history", revision);
}

export const savedCells = async (lesson: string): Promise<SavedCell[]> => (await database()).getAllFromIndex("cells", "lesson", lesson);
export const everyCell = async (): Promise<SavedCell[]> => (await database()).getAll("cells");
export const forgetCell = async (lesson: string, cell: string): Promise<void> => (await database()).delete("cells", [lesson, cell]);
export const revisionsOf = async (lesson: string, cell: string): Promise<Revision[]> =>
  (await (await database()).getAllFromIndex("history", "place", [lesson, cell])).reverse();

export const saveResult = async (result: SavedResult): Promise<void> => void (await (await database()).put("results", result));
export const savedResults = async (lesson: string): Promise<SavedResult[]> =>
  (await database()).getAllFromIndex("results", "lesson", lesson);
export const everyResult = async (): Promise<SavedResult[]> => (await database()).getAll("results");

export const saveNotebook = async (notebook: SavedNotebook): Promise<void> => void (await (await database()).put("notebooks", notebook));
export const savedNotebooks = async (): Promise<SavedNotebook[]> =>
  (await (await database()).getAll("notebooks")).sort((a, b) => b.at - a.at);
export const forgetNotebook = async (id: string): Promise<void> => (await database()).delete("notebooks", id);

export const enqueue = async (message: Outgoing): Promise<void> => void (await (await database()).add("outbox", message));
export const outgoing = async (): Promise<Outgoing[]> => (await database()).getAll("outbox");
export const delivered = async (id: number): Promise<void> => (await database()).delete("outbox", id);

/** Where the reader was last. */
export const markPlace = async (lesson: string, title: string, anchor: string): Promise<void> =>
  void (await (await database()).put("places", { lesson, title, anchor, at: Date.now() }, "last"));
export const lastPlace = async () => (await database()).get("places", "last");
