import { isFloat } from "../dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../errors.ts";
import { sameShape, showShape, sizeOf } from "../shape.ts";
import { engine, type Trace } from "./engine.ts";
import { backpropagate } from "./gradients.ts";
import { linearise } from "./graph.ts";
import { make, type Node } from "./node.ts";
import { Tensor, type Variable } from "./tensor.ts";
import { flatten, mapTree, type Tree } from "./tree.ts";

/**
 * Derivatives, under the names of JAX. Arguments and results may be trees: nested plain objects and arrays of arrays.
 * ArgumentError for leaves that are neither arrays nor plain values.
 */

/** A function over trees of tensors. */
// biome-ignore lint/suspicious/noExplicitAny: arguments of any type are allowed; only trees of tensors are differentiated
export type TensorFunction = (...args: any[]) => any;

export interface GradientOptions {
  /** Which arguments to differentiate: a position, or several (then the gradients come as an array). Default 0. */
  readonly argnums?: number | readonly number[];
  /** Differentiate with respect to these variables, which the function closes over, instead of arguments. */
  readonly wrt?: readonly Variable[];
  /** The function returns [value, extra]; extra is passed through. */
  readonly hasAux?: boolean;
}

const zeros = (like: Node): Node => make.constant(0, like.shape, like.dtype);

/** Runs `body` with gradients being taken: values read inside do not cut the graph. */
function differentiate<T>(body: () => T): T {
  engine.differentiating++;
  try {
    return body();
  } finally {
    engine.differentiating--;
  }
}

/** Outside of any trace a gradient's inputs and results are computed at once: plain loops do constant work a step. */
function settle(nodes: readonly Node[]): void {
  if (!engine.trace && !engine.differentiating) engine.realise(nodes);
}

const argument = (x: Tensor): Tensor => new Tensor(make.alias({ kind: "argument" }, [x.node]));

/** Lets variables stand for other nodes while `body` runs. */
function substituting<T>(nodes: Map<Variable, Node>, body: () => T): T {
  const outer = engine.trace;
  const trace: Trace = {
    read: (variable) => nodes.get(variable) ?? (outer ? outer.read(variable) : variable.stored),
    assign: (variable, node) => {
      nodes.set(variable, node);
      if (outer) outer.assign(variable, node);
      else variable.rebind(node);
    },
  };
  engine.trace = trace;
  try {
    return body();
  } finally {
    engine.trace = outer;
  }
}

/** Gradients of one scalar or several seeded outputs with respect to nodes. */
function gradients(outputs: readonly Node[], seeds: readonly Node[], wanted: readonly Node[]): Node[] {
  const seeded = new Map<Node, Node>();
  outputs.forEach((node, i) => {
    const before = seeded.get(node);
    seeded.set(node, before ? make.binary("add", before, seeds[i]!) : seeds[i]!);
  });
  const found = backpropagate(linearise(outputs), seeded, new Set(wanted));
  return wanted.map((node) => found.get(node) ?? zeros(node));
}

/**
 * The value of a scalar function and its gradient: `valueAndGrad(f)(params, x)` gives `[value, gradient]`, the gradient
 * shaped like `params`. ShapeError when f does not return a single number, DTypeError when it or the argument holds no
 * float, ArgumentError for an argument not given or a result that is no array. JAX's value_and_grad.
 * @example
 * const [value, slope] = valueAndGrad((x) => x.square().sum())(array([0.5, 2]));
 * console.log(value);
 * slope
 */
export function valueAndGrad(f: TensorFunction, options: GradientOptions = {}): TensorFunction {
  const { argnums = 0, wrt, hasAux = false } = options;
  return (...args: unknown[]) => {
    const positions = typeof argnums === "number" ? [argnums] : argnums;
    if (!wrt && positions.some((p) => !(p in args)))
      throw new ArgumentError(
        "grad",
        `argument ${positions.find((p) => !(p in args))} was not given`,
        `The function was called with ${args.length}`,
      );
    const given = flatten("grad", args);
    settle([...given.leaves.map((t) => t.node), ...(wrt ?? []).map((v) => v.node)]);

    const marked = [...args];
    const forms = wrt
      ? []
      : positions.map((p) => {
          const { leaves, form } = flatten("grad", args[p], `argument ${p}`);
          const aliases = leaves.map((leaf) => (isFloat(leaf.dtype) ? argument(leaf) : leaf));
          if (!aliases.some((t) => isFloat(t.dtype)))
            throw new DTypeError("grad", `argument ${p} holds no array of a floating type`, `Make it with { dtype: "float32" }`);
          marked[p] = form.rebuild(aliases);
          return { aliases, form };
        });
    const variables = new Map((wrt ?? []).map((v) => [v, argument(v).node] as const));
    const wanted = wrt ? wrt.map((v) => variables.get(v)!) : forms.flatMap(({ aliases }) => aliases.map((t) => t.node));

    const returned = differentiate(() => substituting(variables, () => f(...marked)));
    if (hasAux && !Array.isArray(returned)) throw new ArgumentError("grad", "with hasAux the function returns [value, extra]");
    const [value, aux] = hasAux ? (returned as [Tensor, Tree]) : [returned as Tensor, null];
    if (!(value instanceof Tensor))
      throw new ArgumentError(
        "grad",
        `the function returned ${value === null ? "null" : typeof value}, not an array`,
        "Return the loss as a zero-dimensional array",
      );
    if (value.size !== 1)
      throw new ShapeError(
        "grad",
        `the function returned shape ${showShape(value.shape)}; a gradient needs a single number`,
        "Reduce it with mean() or sum(), or use jacobian()",
      );
    if (!isFloat(value.dtype)) throw new DTypeError("grad", `the function returned ${value.dtype}; a gradient needs a floating type`);

    const nodes = gradients([value.node], [make.constant(1, value.shape, value.dtype)], wanted);
    const extra = aux === null ? [] : flatten("grad", aux).leaves.map((t) => t.node);
    // What was assigned meanwhile (running averages, keys) too: else its graph would grow from step to step.
    const assigned = [...variables.values()].filter((node) => !wanted.includes(node));
    settle([value.node, ...extra, ...nodes, ...assigned]);
    const tensors = nodes.map((n) => new Tensor(n));
    let result: unknown = tensors;
    if (!wrt) {
      let at = 0;
      const trees = forms.map(({ aliases, form }) => form.rebuild(tensors.slice(at, (at += aliases.length))));
      result = typeof argnums === "number" ? trees[0] : trees;
    }
    return [hasAux ? returned : value, result];
  };
}

/**
 * The gradient of a scalar function: `grad(f)(x)` is shaped like x. Of any order: `grad((x) => grad(f)(x).sum())`. With
 * hasAux, [gradient, extra]. Errors as for `valueAndGrad`.
 * @example
 * const slope = grad((x) => x.square().sum());
 * slope(array([0.5, 2]))
 */
export function grad(f: TensorFunction, options: GradientOptions = {}): TensorFunction {
  const both = valueAndGrad(f, options);
  return (...args) => {
    const [value, gradient] = both(...args);
    return options.hasAux ? [gradient, value[1]] : gradient;
  };
}

/**
 * The value of f and its pullback: `const [y, pull] = vjp(f, x1, x2)`; `pull(cotangent)`, for a cotangent shaped like
 * y, gives the vector-Jacobian products for all arguments, as an array. ShapeError for a cotangent of another shape,
 * ArgumentError for one of other arrays.
 * @example
 * // the product with the transposed Jacobian
 * const [value, pull] = vjp((x) => x.square(), array([1, 2, 3]));
 * console.log(value);
 * pull(array([1, 0, 1]))
 */
export function vjp(f: TensorFunction, ...primals: unknown[]): [value: unknown, pullback: (cotangent: unknown) => unknown[]] {
  const { leaves, form } = flatten("vjp", primals);
  settle(leaves.map((t) => t.node));
  const aliases = leaves.map(argument);
  const value = differentiate(() => f(...(form.rebuild(aliases) as unknown[])));
  const out = flatten("vjp", value, "the result");
  const pull = (cotangent: unknown): unknown[] => {
    const seeds = matching("vjp", "cotangent", out.leaves, cotangent);
    const nodes = gradients(
      out.leaves.map((t) => t.node),
      seeds,
      aliases.map((t) => t.node),
    );
    settle(nodes);
    return form.rebuild(nodes.map((n) => new Tensor(n))) as unknown[];
  };
  return [value, pull];
}

function matching(operation: string, what: string, like: readonly Tensor[], given: unknown): Node[] {
  const { leaves } = flatten(operation, given, what);
  if (leaves.length !== like.length)
    throw new ArgumentError(operation, `the ${what} has ${leaves.length} arrays, ${like.length} are needed`);
  return leaves.map((t, i) => {
    if (!sameShape(t.shape, like[i]!.shape))
      throw new ShapeError(operation, `a ${what} has shape ${showShape(t.shape)}, ${showShape(like[i]!.shape)} is needed`);
    return make.cast(t.node, like[i]!.dtype);
  });
}

/**
 * The value of f and its derivative along `tangents`: `jvp(f, [x], [v])` gives `[f(x), J·v]`. Forward mode as the
 * transpose of the pullback: the pullback is linear in its cotangent, so pulling back through it pushes forward.
 * ShapeError for tangents shaped unlike the arguments, ArgumentError for another number of them.
 * @example
 * // the derivative along a direction
 * jvp((x) => x.square(), [array([1, 2, 3])], [array([1, 1, 1])])
 */
export function jvp(f: TensorFunction, primals: readonly unknown[], tangents: readonly unknown[]): [value: unknown, tangent: unknown] {
  const { leaves, form } = flatten("jvp", primals);
  const directions = matching("jvp", "tangent", leaves, tangents);
  settle([...leaves.map((t) => t.node), ...directions]);
  const aliases = leaves.map(argument);
  const value = differentiate(() => f(...(form.rebuild(aliases) as unknown[])));
  const out = flatten("jvp", value, "the result");
  const outputs = out.leaves.map((t) => t.node);
  const cotangents = outputs.map((node) => make.alias({ kind: "argument" }, [zeros(node)]));
  const pulled = gradients(
    outputs,
    cotangents,
    aliases.map((t) => t.node),
  );
  const pushed = gradients(pulled, directions, cotangents);
  settle([...outputs, ...pushed]);
  return [value, out.form.rebuild(pushed.map((n) => new Tensor(n)))];
}

/**
 * All partial derivatives: for x of shape S and f(x) of shape R, an array of shape [...R, ...S]; x may be a tree. One
 * backward pass per element of f(x). ArgumentError unless f returns one array.
 * @example
 * jacobian((x) => x.square())(array([0.5, 2]))
 */
export function jacobian(f: TensorFunction, options: { readonly argnums?: number } = {}): TensorFunction {
  const { argnums = 0 } = options;
  return (...args: unknown[]) => {
    const { leaves, form } = flatten("jacobian", args[argnums], `argument ${argnums}`);
    settle(leaves.map((t) => t.node));
    const aliases = leaves.map(argument);
    const marked = [...args];
    marked[argnums] = form.rebuild(aliases);
    const value = differentiate(() => f(...marked));
    if (!(value instanceof Tensor)) throw new ArgumentError("jacobian", "the function must return one array");
    const place = make.reshape(make.iota([sizeOf(value.shape)], 0, "int32"), value.shape);
    const wanted = aliases.map((t) => t.node);
    const rows = Array.from({ length: value.size }, (_, i) => {
      const seed = make.cast(make.compare("eq", place, make.constant(i, value.shape, "int32")), value.dtype);
      return gradients([value.node], [seed], wanted);
    });
    const result = wanted.map((node, k) => {
      const shape = [...value.shape, ...node.shape];
      if (!rows.length) return make.constant(0, shape, node.dtype);
      return make.reshape(
        make.concat(
          rows.map((row) => make.reshape(row[k]!, [1, ...node.shape])),
          0,
        ),
        shape,
      );
    });
    settle(result);
    return form.rebuild(result.map((n) => new Tensor(n)));
  };
}

/**
 * Second derivatives of a scalar function of one array of shape S: [...S, ...S]. Errors as for `valueAndGrad`.
 * @example
 * hessian((x) => x.pow(3).sum())(array([0.5, 2]))
 */
export function hessian(f: TensorFunction, options: { readonly argnums?: number } = {}): TensorFunction {
  return jacobian(grad(f, options), options);
}

/**
 * The same value, an array or a tree of them, through which no gradient flows.
 * @example
 * grad((x) => x.mul(stopGradient(x)).sum())(array([2.5]))
 */
export function stopGradient<T>(tree: T): T {
  return mapTree(tree, (t) => new Tensor(make.alias({ kind: "stop" }, [t.node])));
}

let customRules = 0;

/**
 * A function with a gradient of its own: `backward(cotangent, ...args)` gives the cotangents of the arguments (arrays
 * only), each shaped like its argument, `null` where nothing flows. ShapeError or ArgumentError, when the gradient is
 * taken, for others.
 */
export function customGradient(
  forward: (...args: Tensor[]) => Tensor,
  backward: (cotangent: Tensor, ...args: Tensor[]) => Tensor | readonly (Tensor | null)[],
): (...args: Tensor[]) => Tensor {
  return (...args) => {
    const out = forward(...args);
    const pull = (g: unknown): (Node | null)[] => {
      const result = backward(new Tensor(g as Node), ...args);
      const list = result instanceof Tensor ? [result] : result;
      if (list.length !== args.length)
        throw new ArgumentError("customGradient", `backward returned ${list.length} cotangents for ${args.length} arguments`);
      return list.map((t, i) => {
        if (t && !sameShape(t.shape, args[i]!.shape))
          throw new ShapeError(
            "customGradient",
            `the cotangent of argument ${i} has shape ${showShape(t.shape)}, the argument ${showShape(args[i]!.shape)}`,
          );
        return t && make.cast(t.node, args[i]!.dtype);
      });
    };
    const rule = { id: ++customRules, vjp: pull };
    return new Tensor(make.alias({ kind: "custom", rule }, [out.node, ...args.map((t) => t.node)]));
  };
}

/**
 * f, computed again when its gradient needs its intermediates instead of keeping them (Chen et al. 2016). Values that f
 * closes over get their gradients too.
 */
export function checkpoint<F extends TensorFunction>(f: F): F {
  return ((...args: unknown[]) => {
    const given = new Set(linearise(flatten("checkpoint", args).leaves.map((t) => t.node)));
    const start = make.constant(0, [], "int32").id; // nodes made from here on belong to f
    const value = f(...args);
    return mapTree(value, (out) => {
      const inside: Node[] = [];
      const boundary = new Set<Node>();
      for (const node of linearise([out.node])) if (node.id > start && !given.has(node) && node.inputs.length) inside.push(node);
      const within = new Set(inside);
      for (const node of inside) for (const x of node.inputs) if (!within.has(x)) boundary.add(x);
      if (!within.has(out.node)) return out;
      const sources = [...boundary];
      const pull = (g: unknown): (Node | null)[] => {
        const copies = new Map<Node, Node>(sources.map((x) => [x, make.alias({ kind: "barrier" }, [x])]));
        for (const node of inside)
          copies.set(
            node,
            make.copy(
              node,
              node.inputs.map((x) => copies.get(x)!),
            ),
          );
        const wanted = sources.map((x) => copies.get(x)!);
        return gradients([copies.get(out.node)!], [g as Node], wanted).map((n, i) => (isFloat(sources[i]!.dtype) ? n : null));
      };
      return new Tensor(make.alias({ kind: "custom", rule: { id: ++customRules, vjp: pull } }, [out.node, ...sources]));
    });
  }) as F;
}
