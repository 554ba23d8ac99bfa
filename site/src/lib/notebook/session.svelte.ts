import type { CellError, InputValue, Output } from "@gradus/notebook/output";
import type { CheckResult, CheckSource, Reply } from "@gradus/notebook/protocol";
import { SvelteMap } from "svelte/reactivity";
import { acceptError, acceptNames, acceptOutput, acceptResults } from "./accept.ts";
import { KernelHost } from "./host.ts";

export type CellState = "idle" | "queued" | "running" | "done" | "error" | "stopped";

/** What a page knows of a cell before anything runs. */
export interface CellStart {
  readonly id: string;
  readonly source: string;
  /** Cells whose variables it takes, as the lesson has them. */
  readonly needs?: readonly string[];
  readonly outputs?: readonly Output[];
}

/** A cell on the page: its code, its state, and what it shows. */
export class Cell {
  readonly id: string;
  /** As the lesson has it. */
  readonly original: string;
  readonly needs: readonly string[];
  source = $state("");
  state = $state<CellState>("idle");
  /** Whether something it depends on, or the cell itself, has changed since it ran. */
  stale = $state(false);
  outputs = $state.raw<readonly Output[]>([]);
  /** Outputs of an earlier run stand there, dimmed, until this one shows something. */
  dimmed = $state(false);
  error = $state.raw<CellError | null>(null);
  /** Of the last run. */
  milliseconds = $state<number | null>(null);
  startedAt = $state<number | null>(null);
  inputs = $state.raw<Readonly<Record<string, InputValue>>>({});
  /** Since the kernel started: what it declared and took. */
  ran: { readonly source: string; readonly defines: readonly string[]; readonly uses: readonly string[] } | null = null;
  /** The first outputs come from the build, not from this reader. */
  fresh = $state(true);

  constructor({ id, source, needs = [], outputs = [] }: CellStart) {
    this.id = id;
    this.original = source;
    this.source = source;
    this.needs = needs;
    this.outputs = outputs;
  }

  get changed(): boolean {
    return this.source !== this.original;
  }
}

export interface SessionOptions {
  readonly readFile?: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** Told of every change of code, for saving. */
  readonly onEdit?: (cell: Cell, before: string) => void;
}

/** The cells of a page and the kernel they share. */
export class Session {
  readonly cells = new SvelteMap<string, Cell>();
  order = $state.raw<readonly string[]>([]);
  /** Loading the engine, at the first run. */
  loading = $state(false);
  /** Said to screen readers. */
  announcement = $state("");
  failure = $state<string | null>(null);
  /** Variables went away with the worker, because a cell did not stop. */
  lostVariables = $state(false);
  private queue: string[] = [];
  private running: string | null = null;
  private finished: (() => void)[] = [];
  private readonly checks = new Map<string, { names: readonly string[]; resolve: (results: CheckResult[]) => void }>();
  private readonly host: KernelHost;
  private readonly options: SessionOptions;

  constructor(cells: readonly CellStart[], options: SessionOptions = {}) {
    this.options = options;
    for (const cell of cells) this.cells.set(cell.id, new Cell(cell));
    this.order = cells.map((c) => c.id);
    const readFile = options.readFile ?? (async (name) => Promise.reject(new Error(`There is no file ${JSON.stringify(name)} here.`)));
    this.host = new KernelHost({ reply: (r) => this.hear(r), broken: (m) => this.lose(m) }, readFile);
  }

  cell(id: string): Cell {
    const cell = this.cells.get(id);
    if (!cell) throw new Error(`there is no cell ${id}`);
    return cell;
  }

  /** Adds a cell; `order` gives the places of all. */
  add(cell: CellStart, order: readonly string[] = [...this.order, cell.id]): void {
    this.cells.set(cell.id, new Cell(cell));
    this.order = order;
  }

  remove(id: string): void {
    this.queue = this.queue.filter((q) => q !== id);
    if (this.running === id) this.stop();
    this.order = this.order.filter((o) => o !== id);
    this.cells.delete(id);
  }

  get busy(): boolean {
    return [...this.cells.values()].some((c) => c.state === "running" || c.state === "queued");
  }

  edit(id: string, source: string): void {
    const cell = this.cell(id);
    if (cell.source === source) return;
    const before = cell.source;
    cell.source = source;
    if (cell.ran) {
      cell.stale = cell.ran.source !== source;
      for (const dependant of this.dependants(id)) dependant.stale = true;
    }
    this.options.onEdit?.(cell, before);
  }

  /** Runs a cell, and before it the cells it needs that have not run yet. Resolves when it is over. */
  async run(id: string): Promise<void> {
    this.lostVariables = false;
    for (const needed of this.missing(id)) this.enqueue(needed);
    this.enqueue(id);
    await this.drained(id);
  }

  async runAll(): Promise<void> {
    this.lostVariables = false;
    for (const id of this.order) this.enqueue(id);
    const last = this.order.at(-1);
    if (last) await this.drained(last);
  }

  /** Needed cells that never ran in this kernel, in their order. */
  private missing(id: string, found = new Set<string>()): string[] {
    for (const needed of this.cell(id).needs) {
      const cell = this.cells.get(needed);
      if (!cell || found.has(needed) || cell.ran || cell.state === "running") continue;
      found.add(needed);
      this.missing(needed, found);
    }
    return this.order.filter((o) => found.has(o));
  }

  private enqueue(id: string): void {
    if (this.queue.includes(id)) return;
    const cell = this.cell(id);
    // A cell that runs may be asked for again: it runs once more.
    if (this.running !== id) cell.state = "queued";
    this.queue.push(id);
    void this.next();
  }

  private drained(id: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.running === id || this.queue.includes(id)) this.finished.push(look);
        else resolve();
      };
      look();
    });
  }

  private async next(): Promise<void> {
    if (this.running !== null) return;
    const id = this.queue.shift();
    if (id === undefined) return;
    this.running = id;
    const cell = this.cell(id);
    try {
      this.loading = true;
      this.failure = null;
      await this.host.open();
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      this.running = null;
      for (const waiting of [id, ...this.queue]) this.cell(waiting).state = "idle";
      this.queue = [];
      this.settle();
      return;
    } finally {
      this.loading = false;
    }
    if (this.running !== id) return;
    cell.state = "running";
    cell.startedAt = performance.now();
    cell.error = null;
    cell.dimmed = true;
    this.arrived.clear();
    this.announcement = `${id}: running`;
    this.sent = cell.source;
    void this.host.run(id, cell.source, cell.inputs);
  }

  private sent = "";
  /** Ids that the running cell has shown. */
  private readonly arrived = new Set<string>();

  private hear(reply: Reply): void {
    if (reply.type === "output") this.show(String(reply.cell), reply.output);
    else if (reply.type === "done") this.done(reply);
    else if (reply.type === "checked") {
      const waiting = this.checks.get(String(reply.cell));
      this.checks.delete(String(reply.cell));
      waiting?.resolve(acceptResults(reply.results, waiting.names));
    }
  }

  private show(id: string, value: unknown): void {
    const cell = this.cells.get(id);
    const output = acceptOutput(value);
    if (!cell || !output) return;
    const running = this.running === id;
    if (running) {
      this.arrived.add(output.id);
      cell.dimmed = false;
    }
    // What this run has not shown again stays in its place, so that nothing jumps, until the run ends.
    const at = cell.outputs.findIndex((o) => o.id === output.id);
    cell.fresh = false;
    cell.outputs = at < 0 ? [...cell.outputs, output] : cell.outputs.with(at, output);
  }

  private done(reply: Extract<Reply, { type: "done" }>): void {
    const id = String(reply.cell);
    if (id !== this.running) return;
    const cell = this.cells.get(id);
    if (!cell) {
      this.running = null;
      this.settle();
      void this.next();
      return;
    }
    cell.fresh = false;
    cell.error = acceptError(reply.error);
    cell.milliseconds = Number(reply.milliseconds) || 0;
    cell.dimmed = false;
    cell.outputs = cell.outputs.filter((o) => this.arrived.has(o.id));
    const order = [...this.arrived];
    cell.outputs = [...cell.outputs].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
    cell.state = cell.error ? (cell.error.name === "Stopped" ? "stopped" : "error") : "done";
    cell.stale = cell.source !== this.sent;
    cell.ran = { source: this.sent, defines: acceptNames(reply.defines), uses: acceptNames(reply.uses) };
    for (const dependant of this.dependants(id)) dependant.stale = dependant.stale || !this.queue.includes(dependant.id);
    this.announcement = `${id}: ${cell.state}`;
    this.running = null;
    if (cell.error) this.cancelQueue();
    this.settle();
    void this.next();
  }

  /** After an error, what waits for it would only fail too. */
  private cancelQueue(): void {
    for (const id of this.queue) this.cell(id).state = this.cell(id).ran ? "done" : "idle";
    this.queue = [];
  }

  private settle(): void {
    const waiting = this.finished;
    this.finished = [];
    for (const look of waiting) look();
  }

  /** Cells that have run and take, directly or not, what this one declares; in their order. */
  dependants(id: string): Cell[] {
    const found = new Set<string>();
    const visit = (from: Cell) => {
      for (const name of this.order) {
        const cell = this.cell(name);
        if (found.has(name) || name === id || !cell.ran) continue;
        if (cell.ran.uses.some((u) => from.ran?.defines.includes(u) && !this.definedLater(from.id, name, u))) {
          found.add(name);
          visit(cell);
        }
      }
    };
    visit(this.cell(id));
    return this.order.filter((o) => found.has(o)).map((o) => this.cell(o));
  }

  /** Whether a cell between the two declares the name anew. */
  private definedLater(from: string, to: string, name: string): boolean {
    const [a, b] = [this.order.indexOf(from), this.order.indexOf(to)];
    return a < b && this.order.slice(a + 1, b).some((o) => this.cell(o).ran?.defines.includes(name));
  }

  /** The reader has moved a control: its cell runs again, and then what depends on it. */
  setInput(id: string, label: string, value: InputValue): void {
    const cell = this.cell(id);
    cell.inputs = { ...cell.inputs, [label]: value };
    const dependants = this.dependants(id);
    if (this.missing(id).length || !cell.ran) void this.run(id);
    else this.enqueue(id);
    for (const dependant of dependants) this.enqueue(dependant.id);
  }

  /** Runs an exercise's cell, then its checks. Null where the cell did not get through. */
  async check(id: string, checks: readonly CheckSource[]): Promise<CheckResult[] | null> {
    await this.run(id);
    if (this.cell(id).state !== "done") return null;
    const names = checks.map((c) => c.name);
    const results = new Promise<CheckResult[]>((resolve) => this.checks.set(id, { names, resolve }));
    this.host.check(id, checks);
    return results;
  }

  stop(): void {
    this.cancelQueue();
    if (this.running === null) return;
    this.host.stop();
  }

  /** Forgets all variables; cells keep their outputs, marked out of date. */
  async restart(): Promise<void> {
    this.cancelQueue();
    this.forget("idle");
    await this.host.restart();
  }

  private lose(message: string): void {
    const wasStopped = message === "stopped";
    this.lostVariables = true;
    this.forget(wasStopped ? "stopped" : "error", wasStopped ? null : message);
  }

  private forget(state: CellState, message: string | null = null): void {
    this.cancelQueue();
    for (const cell of this.cells.values()) {
      if (cell.ran) cell.stale = true;
      cell.ran = null;
      if (cell.state === "running" || cell.state === "queued") {
        cell.state = state;
        cell.dimmed = false;
        if (message) cell.error = { name: "Error", message };
      }
    }
    this.running = null;
    for (const [id, { names, resolve }] of this.checks) {
      this.checks.delete(id);
      resolve(acceptResults([], names));
    }
    this.settle();
  }

  close(): void {
    this.host.close();
  }
}
