import { XMLParser, XMLValidator } from "fast-xml-parser";
import { QuizError } from "../error.ts";
import { decodeEntities } from "./markup.ts";

/** An element of a document: what a format reads of it, and nothing a file could name by itself. */
export class Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** Its own characters. */
  readonly text: string;
  readonly line: number;

  constructor(name: string, attributes: ReadonlyMap<string, string>, children: readonly Element[], text: string, line: number) {
    this.name = name;
    this.attributes = attributes;
    this.children = children;
    this.text = text;
    this.line = line;
  }

  all(name: string): Element[] {
    return this.children.filter((c) => c.name === name);
  }

  first(name: string): Element | undefined {
    return this.children.find((c) => c.name === name);
  }

  /** Text of the element called so within, "" if there is none. */
  textOf(...path: string[]): string {
    let found: Element | undefined = this;
    for (const name of path) found = found?.first(name);
    return found?.text ?? "";
  }
}

type Node = Readonly<Record<string, unknown>>;

const options = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  cdataPropName: "#cdata",
  processEntities: false,
  parseTagValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  captureMetaData: true,
  maxNestedTags: 20,
} as const;

/** Reads a document whose outermost element is `root`. There are no entities but those of characters, and no document types. */
export function readXml(operation: string, text: string, root: string): Element {
  const begin = text.indexOf(`<${root}`);
  if (begin < 0) throw new QuizError(`${operation}: expected a document with <${root}> around it. Received none`);
  if (/<!(DOCTYPE|ENTITY)/i.test(text.slice(0, begin)))
    throw new QuizError(`${operation}: a document type (<!DOCTYPE …>) is not allowed. Remove it: only <${root}> is needed`);
  let nodes: Node[];
  try {
    const valid = XMLValidator.validate(text);
    if (valid !== true) throw new QuizError(`${operation}: not XML in line ${valid.err.line}: ${valid.err.msg.slice(0, 200)}`);
    nodes = new XMLParser(options).parse(text) as Node[];
  } catch (error) {
    if (error instanceof QuizError) throw error;
    throw new QuizError(`${operation}: not XML: ${(error instanceof Error ? error.message : "no reason given").slice(0, 200)}`);
  }
  const lineAt = lineCounter(text);
  const found = nodes.map((n) => elementOf(n, lineAt)).find((e) => e?.name === root);
  if (!found) throw new QuizError(`${operation}: expected a document with <${root}> around it. Received another element`);
  return found;
}

/** Lines of rising places, in one walk over the text. */
function lineCounter(text: string): (at: number) => number {
  let [line, seen] = [1, 0];
  return (at) => {
    for (; seen < at; seen++) if (text.charCodeAt(seen) === 10) line++;
    return line;
  };
}

function elementOf(node: Node, lineAt: (at: number) => number): Element | null {
  const name = Object.keys(node).find((k) => k !== ":@");
  if (name === undefined || name.startsWith("#")) return null;
  const line = lineAt((node[XMLParser.getMetaDataSymbol() as unknown as string] as { startIndex?: number } | undefined)?.startIndex ?? 0);
  const inside = node[name] as Node[];
  let text = "";
  const children: Element[] = [];
  for (const part of inside) {
    if (typeof part["#text"] === "string") text += decodeEntities(part["#text"]);
    else if (Array.isArray(part["#cdata"])) text += (part["#cdata"] as Node[]).map((p) => String(p["#text"] ?? "")).join("");
    else {
      const child = elementOf(part, lineAt);
      if (child) children.push(child);
    }
  }
  const attributes = new Map(Object.entries((node[":@"] as Record<string, unknown>) ?? {}).map(([k, a]) => [k, decodeEntities(String(a))]));
  return new Element(name, attributes, children, text, line);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those that XML 1.0 does not allow
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Whether there are characters in any text of a value that XML does not know. */
export function hasUnwritable(value: object): boolean {
  let found = false;
  JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === "string" && v.search(forbidden) >= 0) found = true;
    return v;
  });
  return found;
}

/** A text inside an element; characters that XML does not know become spaces. */
export function xmlText(text: string): string {
  return text.replace(forbidden, " ").replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
