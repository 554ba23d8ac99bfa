import { type Node, type Program, parse } from "acorn";
import { analyze } from "periscopic";
import { transform } from "sucrase";

/** A cell as people write it. */
export interface Cell {
  readonly id: string;
  readonly source: string;
}

/** A cell, ready to run: its program, and the names it shares with other cells. */
export interface Prepared {
  /** Body of an async function of `imports`; line n is line n of the cell. Returns the value of the last expression. */
  readonly code: string;
  /** Names that the cell declares for the cells after it. */
  readonly defines: readonly string[];
  /** Names that it takes from elsewhere: other cells, or the language. */
  readonly uses: readonly string[];
}

/** A cell that cannot be read. Lines and columns count from 1. */
export class CellSyntaxError extends SyntaxError {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(message);
    this.name = "SyntaxError";
    this.line = line;
    this.column = column;
  }
}

/** Names inside generated code; cells that use them get what they ask for. */
export const importer = "__import__";
export const stopFlag = "__stop__";
export const halt = "__halt__";

/** Most characters of a cell: far more than anybody types. */
const longest = 200_000;

export interface PrepareOptions {
  /** Whether later cells see what the cell declares; checks of exercises keep it to themselves. */
  readonly shared?: boolean;
}

/**
 * Turns a cell of TypeScript into a function body. What it declares at the top becomes a property of the global object, so that
 * later cells and earlier functions see every assignment; loops look at the stop flag; imports go through `importer`.
 */
export function prepare(source: string, { shared = true }: PrepareOptions = {}): Prepared {
  if (source.length > longest) throw new CellSyntaxError(`A cell has at most ${longest} characters; this one has ${source.length}.`, 1, 1);
  const script = withoutTypes(source);
  const program = parsed(script);
  const edits = new Edits(script);
  const defines: string[] = [];
  const functions: string[] = [];
  program.body.forEach((statement, i) => {
    const last = i === program.body.length - 1;
    if (shared) topLevel(statement as AnyNode, script, edits, defines, functions, last);
    else if (statement.type === "ImportDeclaration") {
      const names: string[] = [];
      const assignment = imported(statement as AnyNode, names);
      edits.replace(statement.start, statement.end, `${names.length ? `let ${names.join(", ")}; ` : ""}${assignment};`);
    }
  });
  everywhere(program as unknown as AnyNode, edits);
  const { globals } = analyze(program as Parameters<typeof analyze>[0]);
  return {
    code: functions.map((name) => `globalThis.${name} = ${name}; `).join("") + edits.apply(),
    defines,
    uses: [...globals.keys()].filter((name) => !defines.includes(name)),
  };
}

/** A cell's program without its types. Throws CellSyntaxError. */
export function readProgram(source: string): Program {
  if (source.length > longest) throw new CellSyntaxError(`A cell has at most ${longest} characters; this one has ${source.length}.`, 1, 1);
  return parsed(withoutTypes(source));
}

function withoutTypes(source: string): string {
  try {
    return transform(source, { transforms: ["typescript"], disableESTransforms: true, keepUnusedImports: true }).code;
  } catch (error) {
    const { loc, message } = error as { loc?: { line: number; column: number }; message: string };
    throw new CellSyntaxError(
      message.replace(/^Error transforming .*?: /, "").replace(/ \(\d+:\d+\)$/, ""),
      loc?.line ?? 1,
      loc?.column ?? 1,
    );
  }
}

function parsed(script: string): Program {
  try {
    return parse(script, { ecmaVersion: "latest", sourceType: "module", allowAwaitOutsideFunction: true });
  } catch (error) {
    const { loc, message } = error as { loc?: { line: number; column: number }; message: string };
    throw new CellSyntaxError(message.replace(/ \(\d+:\d+\)$/, ""), loc?.line ?? 1, (loc?.column ?? 0) + 1);
  }
}

/** Any node of the tree; acorn's own types name every kind, of which few matter here. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyNode = Node & { [key: string]: any };

/** Replacements of stretches of a text that keep its number of lines. */
class Edits {
  private readonly text: string;
  private readonly list: { start: number; end: number; by: string; order: number }[] = [];

  constructor(text: string) {
    this.text = text;
  }

  replace(start: number, end: number, by: string): void {
    const lines = this.text.slice(start, end).split("\n").length - by.split("\n").length;
    this.list.push({ start, end, by: by + "\n".repeat(Math.max(0, lines)), order: this.list.length });
  }

  insert(at: number, text: string): void {
    this.replace(at, at, text);
  }

  apply(): string {
    let out = "";
    let at = 0;
    for (const { start, end, by } of this.list.sort((x, y) => x.start - y.start || x.order - y.order)) {
      out += this.text.slice(at, start) + by;
      at = Math.max(at, end);
    }
    return out + this.text.slice(at);
  }
}

function topLevel(node: AnyNode, script: string, edits: Edits, defines: string[], functions: string[], last: boolean): void {
  switch (node.type) {
    case "ImportDeclaration":
      edits.replace(node.start, node.end, `;${imported(node, defines)};`);
      return;
    case "ExportNamedDeclaration":
      if (node.source || !node.declaration) refuse(node, script, "A cell shares all it declares: write the declaration without export.");
      edits.replace(node.start, node.declaration.start, "");
      topLevel(node.declaration, script, edits, defines, functions, false);
      return;
    case "ExportDefaultDeclaration":
    case "ExportAllDeclaration":
      refuse(node, script, "A cell has nothing to export to: other cells see all it declares.");
      return;
    case "VariableDeclaration": {
      if (node.kind.includes("using")) refuse(node, script, "`using` at the top of a cell would never end: put it in a block { }.");
      // `const a = 1, { b } = c;` becomes `;(a = 1, { b } = c);`
      edits.replace(node.start, node.declarations[0].start, ";(");
      for (const { id, init, end } of node.declarations) {
        defines.push(...namesOf(id));
        if (!init) edits.insert(end, " = undefined");
      }
      const lastEnd: number = node.declarations.at(-1).end;
      edits.replace(lastEnd, node.end, ");");
      return;
    }
    case "FunctionDeclaration":
      defines.push(node.id.name);
      functions.push(node.id.name);
      return;
    case "ClassDeclaration":
      defines.push(node.id.name);
      edits.insert(node.start, `;(${node.id.name} = `);
      edits.insert(node.end, ");");
      return;
    case "ExpressionStatement":
      if (!last || node.directive === "use strict") return;
      edits.insert(node.start, ";return (");
      if (script[node.end - 1] === ";") edits.replace(node.end - 1, node.end, ");");
      else edits.insert(node.end, ");");
  }
}

function refuse(node: AnyNode, script: string, message: string): never {
  const before = script.slice(0, node.start).split("\n");
  throw new CellSyntaxError(message, before.length, before.at(-1)!.length + 1);
}

/** `import a, { b as c } from "m"` as an assignment. */
function imported(node: AnyNode, defines: string[]): string {
  const from = `await ${importer}(${JSON.stringify(node.source.value)})`;
  const specifiers = node.specifiers as AnyNode[];
  if (!specifiers.length) return from;
  defines.push(...specifiers.map((s) => s.local.name as string));
  const everything = specifiers.find((s) => s.type === "ImportNamespaceSpecifier");
  const named = specifiers.filter((s) => s !== everything);
  const keys = named.map((s) => {
    const name = s.type === "ImportDefaultSpecifier" ? "default" : (s.imported.name ?? s.imported.value);
    return `${JSON.stringify(name)}: ${s.local.name}`;
  });
  const pattern = `({ ${keys.join(", ")} } = ${everything ? everything.local.name : from})`;
  return [...(everything ? [`${everything.local.name} = ${from}`] : []), ...(keys.length ? [pattern] : [])].join(", ");
}

/** Names that a pattern gives values to. */
export function namesOf(pattern: AnyNode): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((p: AnyNode) => namesOf(p.type === "RestElement" ? p.argument : p.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((e: AnyNode | null) => (e ? namesOf(e) : []));
    case "RestElement":
      return namesOf(pattern.argument);
    case "AssignmentPattern":
      return namesOf(pattern.left);
    default:
      return [];
  }
}

const loops = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);
const check = `if (Atomics.load(${stopFlag}, 0)) ${halt}();`;

/** What changes at any depth: loops can be stopped, `import()` knows the cell's modules. */
function everywhere(node: AnyNode, edits: Edits): void {
  if (loops.has(node.type)) {
    const body: AnyNode = node.body;
    if (body.type === "BlockStatement") edits.insert(body.start + 1, check);
    else {
      edits.insert(body.start, `{${check}`);
      edits.insert(body.end, "}");
    }
  }
  if (node.type === "ImportExpression") edits.replace(node.start, node.start + "import".length, importer);
  for (const key of Object.keys(node)) {
    const value = node[key];
    for (const child of Array.isArray(value) ? value : [value]) if (child && typeof child.type === "string") everywhere(child, edits);
  }
}
