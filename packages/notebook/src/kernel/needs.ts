import type { Node } from "acorn";
import { analyze, type Scope } from "periscopic";
import { namesOf, readProgram, type Cell as Source } from "./prepare.ts";

/** Of a cell: the names by which it hangs together with others. */
interface Part {
  readonly defines: ReadonlySet<string>;
  /** Names that it takes from elsewhere. */
  readonly uses: ReadonlySet<string>;
  /** Those of them that its functions take when they are called, perhaps much later. */
  readonly later: ReadonlySet<string>;
  /** Names of its functions and classes. */
  readonly functions: ReadonlySet<string>;
  /** Names whose values it changes: assigned to, trained, pushed to. */
  readonly changes: ReadonlySet<string>;
}

/** The ids of the cells that must have run before the one at `at` and then `code` (its checks) can, in their order. */
export function neededCells(cells: readonly Source[], at: number, code: readonly string[] = []): string[] {
  const imported = new Set<string>();
  const parts = cells.slice(0, at + 1).map(({ source }) => partOf(source, imported));
  const wanted = new Set<number>();
  const asked = new Set<string>();
  /** Takes in what gives a name its value where cell `before` begins: the nearest that declares it, and those that change it since. */
  const ask = (name: string, before: number): void => {
    if (asked.has(`${before} ${name}`)) return;
    asked.add(`${before} ${name}`);
    const declared = parts.findLastIndex((part, i) => i < before && part.defines.has(name));
    if (declared < 0) return;
    take(declared);
    for (const used of parts[declared]!.later) ask(used, before);
    for (let i = declared + 1; i < before; i++) {
      if (!parts[i]!.changes.has(name)) continue;
      take(i);
      for (const f of parts[i]!.functions) ask(f, before); // which may change it when they are called
    }
  };
  const take = (i: number): void => {
    wanted.add(i);
    for (const name of parts[i]!.uses) ask(name, i);
  };
  const own = parts[at]!;
  for (const name of [...own.uses, ...code.flatMap((c) => [...partOf(c, imported).uses])]) if (!own.defines.has(name)) ask(name, at);
  for (const name of own.later) ask(name, at);
  return cells.slice(0, at).flatMap(({ id }, i) => (wanted.has(i) ? [id] : []));
}

// biome-ignore lint/suspicious/noExplicitAny: acorn's own types name every kind of node, of which few matter here
type AnyNode = Node & { [key: string]: any };

const nothing: Part = { defines: new Set(), uses: new Set(), later: new Set(), functions: new Set(), changes: new Set() };

/** Reads a cell; the names that it imports are added to `imported`. A cell that cannot be read takes and gives nothing. */
function partOf(source: string, imported: Set<string>): Part {
  let program: AnyNode;
  try {
    program = readProgram(source) as unknown as AnyNode;
  } catch {
    return nothing;
  }
  const [defines, later, functions] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const node of program.body as AnyNode[]) {
    const statement: AnyNode = node.type === "ExportNamedDeclaration" && node.declaration ? node.declaration : node;
    const names = declaredBy(statement);
    for (const name of names) {
      defines.add(name);
      if (statement.type === "ImportDeclaration") imported.add(name);
      else imported.delete(name);
    }
    for (const f of functionsOf(statement)) {
      for (const name of free(f)) later.add(name);
      for (const name of names) functions.add(name);
    }
  }
  const uses = new Set([...free(program)].filter((name) => !defines.has(name)));
  const changes = changesOf(program, imported);
  return { defines, uses, later: new Set([...later].filter((name) => !defines.has(name))), functions, changes };
}

/** Names that a piece of code takes from around it. */
const free = (node: AnyNode): Iterable<string> => analyze(node as unknown as Parameters<typeof analyze>[0]).globals.keys();

function declaredBy(statement: AnyNode): string[] {
  if (statement.type === "ImportDeclaration") return statement.specifiers.map((s: AnyNode) => s.local.name);
  if (statement.type === "VariableDeclaration") return statement.declarations.flatMap((d: AnyNode) => namesOf(d.id));
  return statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration" ? [statement.id.name] : [];
}

/** Functions and classes that a statement declares for others to call. */
function functionsOf(statement: AnyNode): AnyNode[] {
  if (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") return [statement];
  if (statement.type !== "VariableDeclaration") return [];
  return statement.declarations.flatMap(({ init }: AnyNode) =>
    init && /^(ArrowFunction|Function|Class)Expression$/.test(init.type) ? [init] : [],
  );
}

/** Methods that change what they are called on, also where their result is used. */
const changing = new Set(["fit", "compile", "build", "adapt", "apply", "assign", "setWeights", "loadWeights"]);
for (const method of ["push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "set", "delete", "clear"])
  changing.add(method);

/**
 * The names whose values a cell changes: targets of assignments, what a changing method is called on, and, where a call's result is
 * dropped, all that the call could change. Functions of our packages leave their arguments as they are.
 */
function changesOf(program: AnyNode, imported: ReadonlySet<string>): Set<string> {
  const changes = new Set<string>();
  const { map } = analyze(program as unknown as Parameters<typeof analyze>[0]);
  const outermost = map.get(program as never);
  const visit = (node: AnyNode, around: Scope | null): void => {
    const scope = map.get(node as never) ?? around;
    const note = (name: string | null): void => {
      const owner = name === null ? null : (scope?.find_owner(name) ?? null);
      if (name !== null && (owner === null || owner === outermost)) changes.add(name);
    };
    if (node.type === "AssignmentExpression") for (const name of targetsOf(node.left)) note(name);
    if (node.type === "UpdateExpression") note(rootOf(node.argument));
    if (node.type === "CallExpression" && node.callee.type === "MemberExpression" && changing.has(node.callee.property.name))
      note(rootOf(node.callee));
    if (node.type === "ExpressionStatement") {
      const call = node.expression.type === "AwaitExpression" ? node.expression.argument : node.expression;
      const root = call.type === "CallExpression" ? rootOf(call.callee) : null;
      if (root !== null && root !== "console" && !imported.has(root))
        for (const name of [root, ...call.arguments.map((a: AnyNode) => rootOf(a.type === "SpreadElement" ? a.argument : a))]) note(name);
    }
    for (const key of Object.keys(node)) {
      const value = node[key];
      for (const child of Array.isArray(value) ? value : [value]) if (child && typeof child.type === "string") visit(child, scope);
    }
  };
  visit(program, null);
  return changes;
}

/** `a` of `a.b[c].d(e)`. */
function rootOf(node: AnyNode): string | null {
  switch (node.type) {
    case "Identifier":
      return node["name"];
    case "MemberExpression":
      return rootOf(node["object"]);
    case "CallExpression":
      return rootOf(node["callee"]);
    case "ChainExpression":
    case "AwaitExpression":
      return rootOf(node["expression"] ?? node["argument"]);
    default:
      return null;
  }
}

const targetsOf = (left: AnyNode): (string | null)[] => (left.type === "MemberExpression" ? [rootOf(left)] : namesOf(left));
