import type { CellError, InputValue } from "@gradus/notebook/output";
import type { CheckResult, CheckSource, Reply } from "@gradus/notebook/protocol";
import { SvelteMap } from "svelte/reactivity";
import { t } from "../i18n/index.ts";
import type { ShownOutput } from "../outputs/drawn.ts";
import { acceptError, acceptNames, acceptOutput, acceptResults } from "./accept.ts";
import { KernelHost } from "./host.ts";

export type CellState = "idle" | "queued" | "running" | "done" | "error" | "stopped";

/** What a page knows of a cell before anything runs. */
export interface CellStart {
  readonly id: string;
  readonly source: string;
  /** Cells whose variables it takes, as the lesson has them. */
  readonly needs?: readonly string[];
  /** What the build has shown below it. */
  readonly outputs?: readonly ShownOutput[];
}

/** Outputs that a cell may have below it, what they may weigh together, and how often it may send some in one run. */
const most = { outputs: 1000, weight: 60e6, messages: 10_000 };

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
  outputs = $state.raw<readonly ShownOutput[]>([]);
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
  /** Variables went away with the worker, because a cell did not stop. */
  lostVariables = $state(false);
  private queue: string[] = [];
  /** What the kernel does now; before it is sent, the engine loads. */
  private job = $state.raw<{ readonly id: string; readonly part: "loading" | "cell" | "checks" } | null>(null);
  private finished: (() => void)[] = [];
  /** Exercises to be checked when their cells are through. */
  private readonly checks = new Map<string, { checks: readonly CheckSource[]; resolve: (results: CheckResult[] | null) => void }>();
  private readonly host: KernelHost;
  private readonly options: SessionOptions;

  constructor(cells: readonly CellStart[], options: SessionOptions = {}) {
    this.options = options;
    for (const cell of cells) this.cells.set(cell.id, new Cell(cell));
    this.order = cells.map((c) => c.id);
    const readFile = options.readFile ?? (async (name) => Promise.reject(new Error(t().cell.noFile(name))));
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
    if (this.job?.id === id) this.stop();
    this.giveUp(id);
    this.order = this.order.filter((o) => o !== id);
    this.cells.delete(id);
  }

  get busy(): boolean {
    return this.job !== null || [...this.cells.values()].some((c) => c.state === "queued");
  }

  /** The exercise whose checks run now. */
  get checking(): string | null {
    return this.job?.part === "checks" ? this.job.id : null;
  }

  private get running(): string | null {
    return this.job?.id ?? null;
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
    if (this.job !== null) return;
    const id = this.queue.shift();
    if (id === undefined) return;
    const job = { id, part: "loading" } as const;
    this.job = job;
    try {
      this.loading = true;
      await this.host.open();
    } catch (error) {
      if (this.job !== job) return;
      this.fail(id, error);
      return;
    } finally {
      if (this.job === job || this.job === null) this.loading = false;
    }
    // Stopped or restarted meanwhile.
    if (this.job !== job) return;
    const cell = this.cell(id);
    this.job = { id, part: "cell" };
    this.publish();
    cell.state = "running";
    cell.startedAt = performance.now();
    cell.error = null;
    cell.dimmed = true;
    this.arrived.clear();
    this.messages = 0;
    this.say(id, "running");
    this.sent = cell.source;
    this.host.run(id, cell.source, cell.inputs);
  }

  /** The engine could not be loaded. */
  private fail(id: string, error: unknown): void {
    this.cancelQueue();
    this.giveUp(id);
    const cell = this.cells.get(id);
    if (cell) {
      cell.state = "error";
      cell.error = { name: "Error", message: error instanceof Error ? error.message : String(error) };
    }
    this.say(id, "error");
    this.free();
  }

  /** The kernel has nothing to do: those who wait are told, and the next cell's turn comes. */
  private free(): void {
    this.job = null;
    this.settle();
    void this.next();
  }

  private say(id: string, state: "running" | "done" | "error" | "stopped" | "checking"): void {
    this.announcement = t().cell.said(id, t().cell.states[state]);
  }

  private sent = "";
  /** Ids that the running cell has shown, and what all its outputs weigh. */
  private readonly arrived = new Set<string>();
  private readonly weights = new WeakMap<ShownOutput, number>();
  private messages = 0;

  private hear(reply: Reply): void {
    if (reply.type === "output") this.show(String(reply.cell), reply.output);
    else if (reply.type === "done") this.done(reply);
    else if (reply.type === "checked") this.checked(reply);
  }

  private show(id: string, value: unknown): void {
    // The kernel keeps cells within bounds; whatever sends more has gone around it.
    if (++this.messages > most.messages) {
      if (this.messages === most.messages + 1) this.host.lose(t().cell.flood);
      return;
    }
    const cell = this.cells.get(id);
    const accepted = acceptOutput(value);
    if (!cell || !accepted) return;
    const output: ShownOutput = {
      id: accepted.id,
      content: accepted.content ?? { kind: "text", level: "warn", text: t().cell.refused },
    };
    const list = this.drawing.get(cell) ?? [...cell.outputs];
    // What this run has not shown again stays in its place, so that nothing jumps, until the run ends; it counts no more.
    const counted = this.running === id ? list.filter((o) => this.arrived.has(o.id)) : list;
    const others = counted.filter((o) => o.id !== output.id);
    const weight = others.reduce((sum, o) => sum + (this.weights.get(o) ?? 0), accepted.weight);
    if (weight <= most.weight && others.length < most.outputs) {
      this.weights.set(output, accepted.weight);
      this.put(id, list, output);
    } else this.put(id, list, { id: "too much", content: { kind: "text", level: "warn", text: t().cell.tooMuch } });
    this.drawing.set(cell, list);
    this.frame ??= setTimeout(() => this.publish(), 16);
  }

  private put(id: string, list: ShownOutput[], output: ShownOutput): void {
    const at = list.findIndex((o) => o.id === output.id);
    if (at < 0) list.push(output);
    else list[at] = output;
    if (this.running === id) this.arrived.add(output.id);
  }

  /** Outputs that are not on the page yet: however many come, it is changed once a frame. */
  private readonly drawing = new Map<Cell, ShownOutput[]>();
  private frame: ReturnType<typeof setTimeout> | null = null;

  private publish(): void {
    if (this.frame !== null) clearTimeout(this.frame);
    this.frame = null;
    for (const [cell, list] of this.drawing) {
      cell.fresh = false;
      cell.dimmed = false;
      cell.outputs = list;
    }
    this.drawing.clear();
  }

  private checked({ cell, results }: Extract<Reply, { type: "checked" }>): void {
    const id = String(cell);
    if (this.checking !== id) return;
    const waiting = this.checks.get(id);
    this.checks.delete(id);
    waiting?.resolve(
      acceptResults(
        results,
        waiting.checks.map((c) => c.name),
      ),
    );
    // Those who asked to stop have been told already; the cell itself had run through.
    if (!waiting) this.say(id, "stopped");
    this.free();
  }

  /** Tells whoever waits for the checks of an exercise that there are none. */
  private giveUp(id: string): void {
    this.checks.get(id)?.resolve(null);
    this.checks.delete(id);
  }

  private done(reply: Extract<Reply, { type: "done" }>): void {
    const id = String(reply.cell);
    if (id !== this.running || this.job?.part !== "cell") return;
    const cell = this.cells.get(id);
    if (!cell) {
      this.free();
      return;
    }
    this.publish();
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
    this.say(id, cell.state);
    if (cell.error) {
      this.giveUp(id);
      this.cancelQueue();
    }
    const waiting = this.checks.get(id);
    // A cell that is to run once more is checked then.
    if (waiting && !this.queue.includes(id)) {
      this.job = { id, part: "checks" };
      this.say(id, "checking");
      this.host.check(id, waiting.checks);
    } else this.free();
  }

  /** After an error, what waits for it would only fail too. */
  private cancelQueue(): void {
    const queue = this.queue;
    this.queue = [];
    for (const id of queue) {
      if (id !== this.running || this.job?.part === "loading") this.cell(id).state = this.cell(id).ran ? "done" : "idle";
      this.giveUp(id);
    }
  }

  private settle(): void {
    const waiting = this.finished;
    this.finished = [];
    for (const look of waiting) look();
  }

  /** Whether what stands below a cell is the build's, and of other code than this reader has: its own, or that of a cell it needs. */
  showsOriginal(id: string): boolean {
    const { fresh, outputs } = this.cell(id);
    return fresh && outputs.length > 0 && this.changed(id, new Set());
  }

  private changed(id: string, seen: Set<string>): boolean {
    const cell = this.cells.get(id);
    if (!cell || seen.has(id)) return false;
    seen.add(id);
    return cell.changed || cell.needs.some((needed) => this.changed(needed, seen));
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

  /**
   * The reader has moved a control: its cell runs again, and then what depends on it. Resolves when all of it is over, with the time
   * that it took, in ms.
   */
  async setInput(id: string, label: string, value: InputValue): Promise<number> {
    const cell = this.cell(id);
    cell.inputs = { ...cell.inputs, [label]: value };
    const again = [id, ...this.dependants(id).map((c) => c.id)];
    this.lostVariables = false;
    for (const one of [...this.missing(id), ...again]) this.enqueue(one);
    await Promise.all(again.map((one) => this.drained(one)));
    return again.reduce((sum, one) => sum + (this.cells.get(one)?.milliseconds ?? 0), 0);
  }

  /** Runs an exercise's cell, then its checks. Null where the cell did not get through, or was stopped. */
  check(id: string, checks: readonly CheckSource[]): Promise<CheckResult[] | null> {
    this.giveUp(id);
    return new Promise((resolve) => {
      this.checks.set(id, { checks, resolve });
      void this.run(id).then(() => {
        // The engine could not be loaded, or the cell is gone.
        if (this.checks.get(id)?.resolve === resolve && this.running !== id) this.giveUp(id);
      });
    });
  }

  /** Ends whatever runs or waits. An exercise that is being checked then has no result. */
  stop(): void {
    this.cancelQueue();
    if (!this.job) return;
    const { id, part } = this.job;
    this.giveUp(id);
    const cell = this.cells.get(id);
    if (part === "loading") {
      if (cell) cell.state = cell.ran ? "done" : "idle";
      this.loading = false;
      this.free();
      return;
    }
    if (part === "checks" && cell) cell.state = "stopped";
    this.host.stop();
  }

  /** Forgets all variables; cells keep their outputs, marked out of date. */
  async restart(): Promise<void> {
    this.forget("idle");
    // One that does not start again is loaded anew by the next run, which says so if that fails too.
    await this.host.restart().catch(() => {});
  }

  private lose(message: string | null): void {
    this.lostVariables = true;
    if (this.job) this.say(this.job.id, message === null ? "stopped" : "error");
    this.forget(message === null ? "stopped" : "error", message);
  }

  private forget(state: CellState, message: string | null = null): void {
    const checked = this.checking;
    this.publish();
    this.cancelQueue();
    for (const [id, cell] of this.cells) {
      if (cell.ran) cell.stale = true;
      cell.ran = null;
      if (cell.state === "running" || cell.state === "queued" || id === checked) {
        cell.state = state;
        cell.dimmed = false;
        if (message) cell.error = { name: "Error", message };
      }
    }
    this.loading = false;
    this.job = null;
    for (const id of [...this.checks.keys()]) this.giveUp(id);
    this.settle();
  }

  close(): void {
    this.host.close();
  }
}
