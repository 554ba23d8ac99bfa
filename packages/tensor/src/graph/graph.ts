import { make, type Node } from "./node.ts";

/** A linearised piece of the graph: what a backend builds. */
export interface Graph {
  /** Inputs before their users. Leaves that are inputs have op `buffer`. */
  readonly nodes: readonly Node[];
  readonly inputs: readonly Node[];
  readonly outputs: readonly Node[];
  /** `inPlace[i]` is the input whose buffer output i may overwrite (the caller passes the same buffer for both), or -1. */
  readonly inPlace: readonly number[];
}

/**
 * Nodes below `outputs` in the order of evaluation; realised nodes are leaves. Nodes in `known` are left out, with what is
 * only below them. Iterative: graphs may be deep.
 */
export function linearise(outputs: readonly Node[], known?: { has(node: Node): boolean }): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, number>(); // index of the next input to visit
  const stack: Node[] = [];
  for (const output of outputs) {
    if (state.has(output) || known?.has(output)) continue;
    stack.push(output);
    state.set(output, 0);
    while (stack.length) {
      const node = stack[stack.length - 1]!;
      const next = state.get(node)!;
      if (next < node.inputs.length) {
        state.set(node, next + 1);
        const input = node.inputs[next]!;
        if (!state.has(input) && !known?.has(input)) {
          state.set(input, 0);
          stack.push(input);
        }
      } else {
        order.push(node);
        stack.pop();
      }
    }
  }
  return order;
}

/** A copy that no later realisation changes, and that keeps no buffer alive: what programs are built from. */
export function snapshot(graph: Graph): Graph {
  const copies = new Map<Node, Node>();
  for (const node of graph.inputs) copies.set(node, make.parameter(node.shape, node.dtype));
  for (const node of graph.nodes)
    if (!copies.has(node))
      copies.set(
        node,
        make.copy(
          node,
          node.inputs.map((x) => copies.get(x)!),
        ),
      );
  const copied = (nodes: readonly Node[]): Node[] => nodes.map((n) => copies.get(n)!);
  // A copy of an alias needs no gradient rule, and the rule would hold on to what it closes over.
  for (const node of copies.values()) if (node.op === "alias") node.attrs = { kind: "barrier" };
  return { nodes: copied(graph.nodes), inputs: copied(graph.inputs), outputs: copied(graph.outputs), inPlace: graph.inPlace };
}
