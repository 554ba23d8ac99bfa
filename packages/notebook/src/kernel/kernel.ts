import { CheckFailure, check } from "../check.ts";
import type { InputValue, Output } from "../output.ts";
import { describe } from "../show/describe.ts";
import { showTraining } from "../show/training.ts";
import { type Stage, setStage } from "../stage.ts";
import { dropViews, restartNumbers, settleViews, View } from "../view.ts";
import { describeError, Stopped, sourceName } from "./errors.ts";
import type { Modules } from "./modules.ts";
import { halt, importer, type Prepared, prepare, stopFlag } from "./prepare.ts";
import type { CheckResult, CheckSource, Reply } from "./protocol.ts";

export interface KernelOptions {
  readonly modules: Modules;
  readonly tell: (reply: Reply) => void;
  readonly readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** Not zero while the running cell should stop. */
  readonly stop?: Int32Array | null;
}

/** Outputs of a run beyond which the cell is stopped: pages have limits. */
const mostOutputs = 5000;
/** Lines of text follow each other in one output, up to this many characters. */
const mostText = 200_000;

/** Runs cells one after the other in this thread's global scope. */
export class Kernel {
  private readonly options: KernelOptions;
  private readonly stopWords: Int32Array;
  private last: Stage | null = null;

  constructor(options: KernelOptions) {
    this.options = options;
    this.stopWords = options.stop ?? new Int32Array(1);
    this.define(stopFlag, this.stopWords);
    this.define(halt, () => {
      throw new Stopped();
    });
    this.define(importer, (name: unknown) => this.import(name));
    showTraining();
  }

  /** Runs a cell and tells what it shows and how it ended. Never throws. */
  async run(cell: string, source: string, inputs: Readonly<Record<string, InputValue>>): Promise<void> {
    const stage = this.stageOf(cell, inputs);
    const begin = performance.now();
    let prepared: Prepared | null = null;
    let error: unknown = null;
    restartNumbers();
    const restore = captureConsole((level, text) => stage.print(level, text));
    setStage(stage);
    this.last = stage;
    try {
      prepared = prepare(source);
      const value = await this.evaluate(cell, prepared);
      if (describeLater(value)) new View(() => describe(value)!, "value");
      await settleViews();
    } catch (thrown) {
      error = thrown ?? new Error(`The cell threw ${String(thrown)}.`);
      dropViews();
    }
    restore();
    this.options.tell({
      type: "done",
      cell,
      milliseconds: performance.now() - begin,
      error: error === null ? null : describeError(error, cell),
      defines: prepared?.defines ?? [],
      uses: prepared?.uses ?? [],
    });
  }

  /** Runs an exercise's checks on what its cell has left behind. */
  async check(cell: string, checks: readonly CheckSource[]): Promise<CheckResult[]> {
    const results: CheckResult[] = [];
    let stopped = false;
    setStage({ ...(this.last ?? this.stageOf(cell, {})), emit: () => {} });
    for (const [i, { name, code, points }] of checks.entries()) {
      try {
        // Once asked to stop, no further check begins.
        if (stopped) throw new Stopped();
        const { code: body } = prepare(code, { shared: false });
        const f = program<(c: typeof check) => Promise<unknown>>("check", body, `check-${cell}-${i}`);
        await f(check);
        results.push({ name, points, passed: true });
      } catch (error) {
        stopped ||= error instanceof Stopped;
        results.push({ name, points, passed: false, ...told(error) });
      }
      dropViews();
    }
    setStage(this.last);
    return results;
  }

  private async evaluate(cell: string, { code, defines }: Prepared): Promise<unknown> {
    for (const name of defines) if (!this.mine.has(name)) this.define(name, undefined);
    const f = program<() => Promise<unknown>>("", code, cell);
    return f();
  }

  private readonly mine = new Set<string>();

  /** Makes a global variable, also over one that the platform has. */
  private define(name: string, value: unknown): void {
    try {
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
    } catch {
      throw new ReferenceError(`${name} is a name of the platform: choose another for your variable.`);
    }
    this.mine.add(name);
  }

  private readonly loaded = new Map<string, Promise<object>>();

  private async import(name: unknown): Promise<object> {
    const { modules } = this.options;
    if (typeof name !== "string" || !Object.hasOwn(modules, name))
      throw new Error(`There is no module ${JSON.stringify(name)} here. Cells can import ${Object.keys(modules).join(", ")}.`);
    const module = modules[name]!;
    if (typeof module !== "function") return module;
    let loading = this.loaded.get(name);
    if (!loading) {
      loading = (module as () => Promise<object>)();
      this.loaded.set(name, loading);
      // What could not be loaded may be another time.
      loading.catch(() => this.loaded.delete(name));
    }
    return loading;
  }

  private stageOf(cell: string, inputs: Readonly<Record<string, InputValue>>) {
    let count = 0;
    let printed = { id: "", level: "", text: "" };
    let prints = 0;
    const { tell, readFile } = this.options;
    const check = () => {
      if (Atomics.load(this.stopWords, 0)) throw new Stopped();
    };
    const emit = (output: Output) => {
      if (++count > mostOutputs)
        throw new Error(`The cell showed more than ${mostOutputs} things. Show less, or show it in one place with update().`);
      printed = { id: "", level: "", text: "" };
      tell({ type: "output", cell, output });
    };
    return {
      emit,
      check,
      readFile,
      inputValue: (label: string) => (Object.hasOwn(inputs, label) ? inputs[label] : undefined),
      /** Neighbouring lines share an output. */
      print(level: "log" | "warn" | "error", text: string): void {
        check();
        if (printed.level === level && printed.text.length + text.length < mostText) printed.text += `\n${text}`;
        else {
          if (++count > mostOutputs) throw new Error(`The cell printed more than ${mostOutputs} times ${mostText} characters.`);
          printed = { id: `t${++prints}`, level, text: text.slice(0, mostText) };
        }
        tell({ type: "output", cell, output: { id: printed.id, content: { kind: "text", level, text: printed.text } } });
      },
    };
  }
}

/** A program in the global scope, under the cell's name. Running what people type is what a kernel is for. */
function program<F>(parameters: string, code: string, cell: string): F {
  // A method call, so that no minifier makes a direct eval of it, whose variables would be the kernel's.
  // biome-ignore lint/security/noGlobalEval: running what people type is what a kernel is for
  return globalThis.eval(`(async (${parameters}) => {"use strict"; ${code}\n})\n//# sourceURL=${sourceName(cell)}`) as F;
}

const describeLater = (value: unknown): boolean => value !== undefined && !(value instanceof View);

function told(error: unknown): Omit<CheckResult, "name" | "points" | "passed"> {
  if (error instanceof CheckFailure) {
    const { message, given, expected, hint } = error;
    return { message, ...(given ? { given } : {}), ...(expected ? { expected } : {}), ...(hint ? { hint } : {}) };
  }
  if (error instanceof ReferenceError) return { message: `${error.message}. Keep the names that the exercise asks for, and run the cell.` };
  return { message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

/** Sends console.log and its like to `print` until the function it gives is called. */
function captureConsole(print: (level: "log" | "warn" | "error", text: string) => void): () => void {
  const kept = {
    log: console.log,
    info: console.info,
    debug: console.debug,
    warn: console.warn,
    error: console.error,
    table: console.table,
  };
  const say =
    (level: "log" | "warn" | "error") =>
    (...parts: unknown[]): void =>
      print(level, parts.map(textOf).join(" "));
  Object.assign(console, {
    log: say("log"),
    info: say("log"),
    debug: say("log"),
    warn: say("warn"),
    error: say("error"),
    table: say("log"),
  });
  return () => Object.assign(console, kept);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const content = describe(value);
  if (content === null || content instanceof Promise) return String(value);
  return content.kind === "value" || content.kind === "text" ? content.text : String(value);
}
