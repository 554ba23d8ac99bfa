import type { BackendWork } from "../backends/backend.ts";
import { engine, type MemoryReport } from "./engine.ts";
import { type Graph, linearise, snapshot } from "./graph.ts";
import { Tensor } from "./tensor.ts";

/**
 * What the device has been asked to do since it started (dispatches, operations, bytes); null on devices that do not count.
 * The difference of two reports tells what lies between them.
 */
export const workReport = (): BackendWork | null => engine.backend.work?.() ?? null;

/** Resolves when the device has done all that was asked: a GPU works on while the program goes on. The CPU is always done. */
export const synchronize = async (): Promise<void> => engine.backend.finish?.();

/** What the engine holds: bytes in arrays, in intermediates, reserved from the system, and how many arrays and programs. */
export const memoryReport = (): MemoryReport => engine.memory();

/**
 * The graph that is pending below an array, its kernels and memory plan, as text. Computes nothing. StateError for an
 * array that was disposed.
 */
export function explain(x: Tensor): string {
  const { node } = x;
  if (node.buffer) return `realised: ${node.dtype}[${node.shape.join(", ")}] on ${node.buffer.backend.name}`;
  const nodes = linearise([node]);
  const number = new Map(nodes.map((n, i) => [n, i]));
  const attributes = (n: (typeof nodes)[number]) => {
    const text = n.op === "alias" ? "" : JSON.stringify(n.attrs);
    return text === "{}" ? "" : ` ${text}`;
  };
  const lines = nodes.map(
    (n) =>
      `  %${number.get(n)} = ${n.op}${attributes(n)}(${n.inputs.map((i) => `%${number.get(i)}`).join(", ")}) : ${n.dtype}[${n.shape.join(", ")}]`,
  );
  const graph: Graph = { nodes, inputs: nodes.filter((n) => n.op === "buffer"), outputs: [node], inPlace: [-1] };
  const program = engine.backend.build(snapshot(graph));
  const text = program.explain();
  program.dispose();
  return `graph:\n${lines.join("\n")}\n${text}`;
}

/**
 * Runs `body` and gives back the memory of every array made in it at once, except those it returns (an array, or a
 * plain array or object of them), which are computed first. `body` is synchronous.
 */
export function scope<T>(body: () => T): T {
  const outer = engine.created;
  engine.created = [];
  try {
    const result = body();
    const kept = new Set<unknown>();
    const keep = (x: unknown): void => {
      if (x instanceof Tensor) kept.add(x);
      else if (Array.isArray(x)) x.forEach(keep);
      else if (x && typeof x === "object") Object.values(x).forEach(keep);
    };
    keep(result);
    // What is returned must not depend on what goes.
    engine.realise([...kept].map((t) => (t as Tensor).node));
    for (const t of engine.created)
      if (!kept.has(t)) t.dispose();
      else outer?.push(t);
    return result;
  } finally {
    engine.created = outer;
  }
}
