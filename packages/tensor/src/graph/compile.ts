import type { DeviceBuffer, Executable } from "../backends/backend.ts";
import type { DType } from "../dtype.ts";
import { ArgumentError, StateError } from "../errors.ts";
import { type Shape, sameShape } from "../shape.ts";
import type { TensorFunction } from "./autodiff.ts";
import { debugLevel } from "./debug.ts";
import { engine, type Trace } from "./engine.ts";
import { type Graph, linearise, snapshot } from "./graph.ts";
import { make, type Node } from "./node.ts";
import { Tensor, type Variable } from "./tensor.ts";
import { flatten, type Tree, type TreeForm } from "./tree.ts";

export interface CompileOptions {
  /** Positions of arguments given up by the caller: their memory is reused for results, the arrays become unusable. */
  readonly donate?: readonly number[];
}

export type Compiled<F extends TensorFunction> = F & {
  /** How often the function was traced: once per set of shapes, types and plain arguments. */
  readonly traces: number;
  /** Why it was traced the last time. */
  readonly lastReason: string;
  /** The kernels and memory plan of the newest program, readably. */
  explain(): string;
};

/** Traced forms that a compiled function keeps; the least recently used goes first. */
const keptPrograms = 64;

/** One traced form of a function: what to bind and run. */
interface Program {
  readonly executable: Executable;
  readonly backend: unknown;
  /** Where each input comes from: a tensor argument, a variable, or an array the function closes over. */
  readonly sources: readonly ({ argument: number } | { variable: Variable } | { node: Node })[];
  /** Returned arrays first, then assigned variables. */
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: DType; readonly size: number; readonly inPlace: number }[];
  readonly assigned: readonly Variable[];
  readonly form: TreeForm;
}

/**
 * Traces f at its first call with arguments of given shapes and types, and replays the program afterwards. Arguments
 * and results are trees of arrays; plain numbers and strings are part of the program (another one traces again).
 * Variables that f reads are read anew at every call; those it assigns are updated in place. f must be pure but for
 * that: it runs once per trace. ArgumentError for an asynchronous f, StateError for reading values inside of it.
 * @example
 * // traced once, then run without building the graph again
 * const step = compile((x) => x.square().sum());
 * step(array([1, 2, 3]))
 */
export function compile<F extends TensorFunction>(f: F, options: CompileOptions = {}): Compiled<F> {
  const programs = new Map<string, Program>();
  const donate = new Set(options.donate ?? []);
  const state = { traces: 0, lastReason: "", last: null as Program | null, lastArguments: null as Described | null };

  const call = (...args: unknown[]): unknown => {
    if (engine.trace || engine.differentiating) return f(...args); // becomes part of the outer program
    const given = flatten(f.name || "compile", args);
    const described = describe(given.leaves, given.form);
    let program = programs.get(described.key);
    if (!program || program.backend !== engine.backend) {
      state.traces++;
      state.lastReason = reason(state.lastArguments, described);
      if (debugLevel() >= 1) console.error(`compile ${f.name || "function"}: traced (${state.lastReason})`);
      program = trace(f, args, given, donate);
      state.last = program;
    }
    programs.delete(described.key); // moves to the end: most recently used
    programs.set(described.key, program);
    if (programs.size > keptPrograms) {
      const [oldest, { executable }] = programs.entries().next().value!;
      programs.delete(oldest);
      executable.dispose();
    }
    state.lastArguments = described;
    return replay(program, given.leaves, args, donate);
  };
  return Object.defineProperties(call, {
    name: { value: f.name },
    traces: { get: () => state.traces },
    lastReason: { get: () => state.lastReason },
    explain: { value: () => state.last?.executable.explain() ?? "not called yet" },
  }) as Compiled<F>;
}

interface Described {
  readonly key: string;
  readonly form: TreeForm;
  readonly leaves: readonly string[];
}

function describe(leaves: readonly Tensor[], form: TreeForm): Described {
  // A program is bound to the variables it was traced with.
  const parts = leaves.map((t) => `${isVariable(t) ? `variable ${identity(t)} ` : ""}${t.dtype}[${t.shape.join()}]`);
  return { key: `${form.key}|${parts.join(";")}`, form, leaves: parts };
}

const identities = new WeakMap<Variable, number>();
let variables = 0;

function identity(variable: Variable): number {
  if (!identities.has(variable)) identities.set(variable, ++variables);
  return identities.get(variable)!;
}

/** Which argument made this call differ from the one before. */
function reason(before: Described | null, now: Described): string {
  if (!before) return "first call";
  if (before.form.key === now.form.key) {
    const i = now.leaves.findIndex((part, at) => part !== before.leaves[at]);
    if (i >= 0) return `argument ${now.form.paths[i]} changed from ${before.leaves[i]} to ${now.leaves[i]}`;
    return "the device changed";
  }
  return "the structure or a plain value of the arguments changed; pass changing numbers as arrays";
}

function trace(f: TensorFunction, args: unknown[], given: ReturnType<typeof flatten>, donate: ReadonlySet<number>): Program {
  const parameters = given.leaves.map((t) => make.parameter(t.shape, t.dtype));
  const variables = new Map<Variable, { parameter: Node; value: Node }>();
  const lookUp = (variable: Variable) => {
    let entry = variables.get(variable);
    if (!entry) {
      const parameter = make.parameter(variable.stored.shape, variable.stored.dtype);
      entry = { parameter, value: parameter };
      variables.set(variable, entry);
    }
    return entry;
  };
  const tracing: Trace = {
    read: (variable) => lookUp(variable).value,
    assign: (variable, node) => {
      lookUp(variable).value = node;
    },
  };
  // A variable passed as an argument is the same variable inside: reads and assignments go through the trace.
  const stand = given.leaves.map((leaf, i) => {
    if (isVariable(leaf)) {
      lookUp(leaf);
      return leaf;
    }
    return new Tensor(parameters[i]!);
  });
  engine.trace = tracing;
  let returned: unknown;
  let out: ReturnType<typeof flatten>;
  let results: Node[];
  try {
    returned = f(...(given.form.rebuild(stand) as unknown[]));
    if (returned instanceof Promise)
      throw new ArgumentError(
        "compile",
        "the function is asynchronous",
        "Compile a function that returns arrays, and await values outside of it",
      );
    out = flatten("compile", returned as Tree, "the result");
    results = out.leaves.map((t) => t.node);
  } finally {
    engine.trace = null;
  }
  const assigned = [...variables].filter(([, { parameter, value }]) => value !== parameter);
  const outputs = [...results, ...assigned.map(([, { value }]) => value)];
  const nodes = linearise(outputs);
  const inputs = nodes.filter((n) => n.op === "buffer");
  const sources = inputs.map((node): Program["sources"][number] => {
    const argument = parameters.indexOf(node);
    if (argument >= 0) return { argument };
    for (const [variable, { parameter }] of variables) if (parameter === node) return { variable };
    if (!node.buffer)
      throw new StateError(
        "compile",
        "the function uses an array that belongs to another trace",
        "Do not keep arrays of a compiled function in outer variables",
      );
    return { node };
  });
  const donated = donatedLeaves(args, given, donate);
  /** Inputs given up by the caller whose memory serves for no result yet. */
  const free = new Map(sources.flatMap((s, k) => ("argument" in s && donated.has(s.argument) ? [[inputs[k]!, k] as const] : [])));
  const inPlace = outputs.map((node, i) => {
    const variable = assigned[i - results.length]?.[0];
    if (variable) return sources.findIndex((s) => "variable" in s && s.variable === variable);
    const fits = (n: Node): boolean => free.has(n) && sameShape(n.shape, node.shape) && n.dtype === node.dtype;
    const any = [...free.keys()].find(fits);
    if (!any) return -1;
    // Best what the result is made from, such as last step's keys for this step's: each place can be changed where it lies.
    const taken = nearest(node, fits) ?? any;
    const at = free.get(taken)!;
    free.delete(taken);
    return at;
  });
  const graph: Graph = { nodes, inputs, outputs, inPlace };
  return {
    executable: engine.backend.build(snapshot(graph)),
    backend: engine.backend,
    sources,
    outputs: outputs.map((n, i) => ({ shape: n.shape, dtype: n.dtype, size: n.size, inPlace: inPlace[i]! })),
    assigned: assigned.map(([variable]) => variable),
    form: out.form,
  };
}

/** Of the nodes below one, the first that is wanted, in breadth. */
function nearest(node: Node, wanted: (n: Node) => boolean): Node | null {
  const seen = new Set([node]);
  for (const n of seen) {
    if (wanted(n)) return n;
    for (const input of n.inputs) seen.add(input);
  }
  return null;
}

const isVariable = (t: Tensor): t is Variable => "rebind" in t;

/** Indices among the leaves of those that belong to donated arguments. */
function donatedLeaves(args: unknown[], given: ReturnType<typeof flatten>, donate: ReadonlySet<number>): Set<number> {
  const found = new Set<number>();
  for (const position of donate) for (const leaf of flatten("compile", args[position]).leaves) found.add(given.leaves.indexOf(leaf));
  return found;
}

/** The value of a variable that a program sets without reading it: its memory serves for the new one. */
function unread(variable: Variable, { backend }: Program): Node | null {
  const { stored } = variable;
  return stored.buffer?.backend === backend ? stored : null;
}

function replay(program: Program, leaves: readonly Tensor[], args: unknown[], donate: ReadonlySet<number>): unknown {
  const pending = program.sources.map((s) => ("argument" in s ? leaves[s.argument]!.node : "variable" in s ? s.variable.stored : s.node));
  engine.realise(pending);
  for (const node of pending) engine.checkDevice(node);
  const inputs = pending.map((node) => node.buffer!);
  const buffers: DeviceBuffer[] = [];
  const fresh: DeviceBuffer[] = [];
  const returned = program.outputs.length - program.assigned.length;
  for (let i = 0; i < program.outputs.length; i++) {
    const { dtype, size, inPlace } = program.outputs[i]!;
    // Memory may be overwritten only where nobody else can still read it.
    const source = inPlace >= 0 ? pending[inPlace]! : i >= returned ? unread(program.assigned[i - returned]!, program) : null;
    const given = inPlace >= 0 && "argument" in program.sources[inPlace]!;
    const alone = !given || pending.indexOf(source!) === pending.lastIndexOf(source!); // not passed twice
    if (source?.buffer && source.handles <= 1 && source.users === 0 && alone) buffers.push(source.buffer);
    else {
      const buffer = engine.allocate(dtype, size);
      buffers.push(buffer);
      fresh.push(buffer);
    }
  }
  try {
    program.executable.run(inputs, buffers);
  } catch (error) {
    for (const buffer of fresh) buffer.backend.free(buffer);
    throw error;
  }
  const nodes = program.outputs.map(({ shape, dtype, inPlace }, i) => {
    const buffer = buffers[i]!;
    if (i >= returned && buffer === program.assigned[i - returned]!.stored.buffer) return program.assigned[i - returned]!.stored; // updated in place
    if (inPlace >= 0 && buffer === inputs[inPlace]) engine.disown(pending[inPlace]!);
    const node = make.parameter(shape, dtype);
    engine.adopt(node, buffer);
    return node;
  });
  program.assigned.forEach((variable, i) => {
    variable.rebind(nodes[returned + i]!);
  });
  for (const position of donate) for (const leaf of flatten("compile", args[position]).leaves) if (!isVariable(leaf)) leaf.dispose();
  return program.form.rebuild(nodes.slice(0, returned).map((node) => new Tensor(node)));
}
