// From TypeDoc's model of the packages to what the pages of the reference show.
import { relative } from "node:path";
import { highlight, plainText, renderMarkdown } from "@gradus/course/markdown";
import { dtypes } from "@gradus/tensor";
import {
  type Comment,
  type DeclarationReflection,
  type ParameterReflection,
  ReferenceReflection,
  ReferenceType,
  ReflectionKind,
  ReflectionType,
  type SignatureReflection,
  type SomeType,
} from "typedoc";
import { type ModuleName, modules } from "../../src/lib/modules.ts";
import type { Parameter, ReferenceEntry } from "../../src/lib/reference.ts";
import { type Contents, pageOf } from "./contents.ts";

/** What a page of the reference needs of a name before its examples have run. */
export interface Entry extends ReferenceEntry<string> {
  readonly page: Contents;
  /** The docstring without marks, for searching. */
  readonly text: string;
}

type Links = ReadonlyMap<string, string>;

/** Every name that packages export, with the page it belongs to. Throws for a file that no page covers. */
export function entriesOf(name: ModuleName, module: DeclarationReflection): Entry[] {
  const found = new Map<string, Entry>();
  const add = (reflection: DeclarationReflection, prefix: string): void => {
    const original = reflection instanceof ReferenceReflection ? reflection.getTargetReflectionDeep() : reflection;
    const declaration = original as DeclarationReflection;
    const full = prefix + reflection.name;
    if (declaration.kindOf(ReflectionKind.SomeModule)) {
      for (const child of declaration.children ?? []) add(child, `${full}.`);
      return;
    }
    const source = sourceOf(declaration);
    const file = relative(`packages/${modules[name]}`, source).replaceAll("\\", "/");
    const page = pageOf(name, file);
    // Another package's name, passed on.
    if (!page && file.startsWith("..")) return;
    if (!page) throw new Error(`No page of the reference shows ${source}: add it to scripts/reference/contents.ts.`);
    const comment = declaration.comment ?? declaration.signatures?.find((s) => s.comment)?.comment;
    found.set(full, { ...entryOf(full, declaration), page, text: plainText(comment ? partsText(comment.summary) : "") });
  };
  for (const child of module.children ?? []) add(child, "");
  return [...found.values()];
}

const sourceOf = (reflection: DeclarationReflection): string =>
  (reflection.sources ?? reflection.signatures?.[0]?.sources ?? [])[0]?.fileName.replace(/^(\.\.\/)+/, "") ?? "";

function entryOf(name: string, declaration: DeclarationReflection): ReferenceEntry<string> {
  const signatures = callsOf(declaration);
  const comment = declaration.comment ?? signatures.find((s) => s.comment)?.comment;
  const base = { id: name, name, examples: examplesOf(comment), source: sourceOf(declaration), doc: markdown(comment) };
  if (declaration.kindOf(ReflectionKind.Class)) {
    const makers = declaration.children?.find((c) => c.kindOf(ReflectionKind.Constructor))?.signatures ?? [];
    const heritage = declaration.extendedTypes?.map(String).join(", ");
    return {
      ...{ ...base, kind: "class" },
      signatures: [
        `class ${name}${heritage ? ` extends ${heritage}` : ""}`,
        ...(declaration.flags.isAbstract ? [] : makers.map((s) => `new ${call(name, s)}`)),
      ],
      parameters: everyParameter(makers),
      members: membersOf(declaration),
    };
  }
  if (signatures.length && !declaration.kindOf(ReflectionKind.TypeAlias))
    return {
      ...{ ...base, kind: "function", members: [] },
      signatures: signatures.map((s) => call(name, s)),
      parameters: signatures.flatMap(parametersOf),
    };
  if (declaration.kindOf(ReflectionKind.Interface)) {
    const heritage = declaration.extendedTypes?.map(String).join(", ");
    return {
      ...{ ...base, kind: "type" },
      signatures: [`interface ${name}${heritage ? ` extends ${heritage}` : ""}`],
      parameters: [],
      members: membersOf(declaration),
    };
  }
  if (declaration.kindOf(ReflectionKind.TypeAlias))
    return { ...{ ...base, kind: "type" }, signatures: [`type ${name} = ${typeText(declaration.type)}`], parameters: [], members: [] };
  return { ...{ ...base, kind: "value" }, signatures: [`const ${name}: ${typeText(declaration.type)}`], parameters: [], members: [] };
}

/** The ways to call what is declared, also when it is a constant of a function's type. */
function callsOf(declaration: DeclarationReflection): readonly SignatureReflection[] {
  if (declaration.signatures?.length) return declaration.signatures;
  return declaration.kindOf([ReflectionKind.Variable, ReflectionKind.Property]) ? callsOfType(declaration.type) : [];
}

function callsOfType(type: SomeType | undefined): readonly SignatureReflection[] {
  if (type instanceof ReflectionType) return type.declaration.signatures ?? [];
  if (type instanceof ReferenceType && type.reflection?.kindOf([ReflectionKind.TypeAlias, ReflectionKind.Interface])) {
    const target = type.reflection as DeclarationReflection;
    return target.signatures ?? callsOfType(target.type);
  }
  return [];
}

/** TypeDoc spells this alias out. */
const dtypeUnion = dtypes.map((d) => JSON.stringify(d)).join(" | ");

/** Text that TypeScript would print for a type; names of private helpers are not spelt out. */
const typeText = (type: SomeType | undefined): string =>
  String(type ?? "void")
    .replace(/__type/g, "object")
    .replace(dtypeUnion, "DType");

const parameterName = (p: ParameterReflection): string => (p.name.startsWith("__") ? "options" : p.name);

function call(name: string, signature: SignatureReflection): string {
  const types = signature.typeParameters?.length
    ? `<${signature.typeParameters.map((t) => t.name + (t.type ? ` extends ${t.type}` : "")).join(", ")}>`
    : "";
  const given = (signature.parameters ?? []).map(
    (p) => `${p.flags.isRest ? "..." : ""}${parameterName(p)}${isOptional(p) ? "?" : ""}: ${typeText(p.type)}`,
  );
  const result = signature.kindOf(ReflectionKind.ConstructorSignature) ? "" : `: ${typeText(signature.type)}`;
  const line = `${name}${types}(${given.join(", ")})${result}`;
  return line.length <= 100 ? line : `${name}${types}(\n${given.map((g) => `  ${g},\n`).join("")})${result}`;
}

const isOptional = (p: ParameterReflection): boolean => p.flags.isOptional || p.defaultValue !== undefined;

/** Of all overloads, each once. */
const everyParameter = (signatures: readonly SignatureReflection[]): Parameter[] => {
  const all = signatures.flatMap(parametersOf);
  return all.filter((p, i) => all.findIndex((q) => q.name === p.name) === i);
};

/** Parameters that have something to say, and the settings within options. */
function parametersOf(signature: SignatureReflection): Parameter[] {
  return (signature.parameters ?? []).flatMap((p) => {
    const own = { name: parameterName(p), type: typeText(p.type), doc: markdown(p.comment), optional: isOptional(p) };
    const settings = settingsOf(p.type).map((s) => ({
      name: s.name,
      type: typeText(s.type),
      doc: markdown(s.comment),
      optional: s.flags.isOptional,
    }));
    return own.doc || settings.length ? [...(own.doc ? [own] : []), ...settings] : [];
  });
}

/** The properties of a type of options. */
function settingsOf(type: SomeType | undefined): DeclarationReflection[] {
  if (!type) return [];
  if (type instanceof ReflectionType) return type.declaration.signatures ? [] : (type.declaration.children ?? []);
  if (type.type === "intersection") return type.types.flatMap(settingsOf);
  if (type.type === "union") return [];
  if (type instanceof ReferenceType) {
    const target = type.reflection as DeclarationReflection | undefined;
    if (target?.kindOf(ReflectionKind.Interface) && /Options$|Settings$/.test(target.name)) return target.children ?? [];
    if (target?.kindOf(ReflectionKind.TypeAlias) && /Options$/.test(target.name)) return settingsOf(target.type);
  }
  return [];
}

/** Methods and properties of its own; what it inherits stands with the class it comes from. */
function membersOf(declaration: DeclarationReflection): Entry["members"] {
  return (declaration.children ?? [])
    .filter((c) => !c.kindOf(ReflectionKind.Constructor) && !c.inheritedFrom && !c.overwrites && !c.flags.isPrivate && !c.flags.isProtected)
    .filter((c) => !c.name.startsWith("[") && !["getConfig", "fromConfig", "className"].includes(c.name))
    .map((c) => {
      const calls = callsOf(c);
      const shown = c.flags.isStatic ? `${declaration.name}.${c.name}` : c.name;
      const type = c.type ?? c.getSignature?.type;
      const comment = c.comment ?? calls.find((s) => s.comment)?.comment ?? c.getSignature?.comment;
      return {
        name: c.name,
        signatures: calls.length
          ? calls.map((s) => call(shown, s))
          : [`${c.flags.isReadonly ? "readonly " : ""}${shown}${c.flags.isOptional ? "?" : ""}: ${typeText(type)}`],
        doc: markdown(comment),
        parameters: everyParameter(calls),
      };
    });
}

const partsText = (parts: Comment["summary"]): string => parts.map((p) => p.text).join("");

function markdown(comment: Comment | undefined): string {
  if (!comment) return "";
  const blocks = comment.blockTags.filter((b) => b.tag !== "@example").map((b) => `**${b.tag.slice(1)}** ${partsText(b.content)}`);
  return renderMarkdown([partsText(comment.summary), ...blocks].join("\n\n"), { trusted: true });
}

const examplesOf = (comment: Comment | undefined): string[] =>
  (comment?.blockTags ?? [])
    .filter((b) => b.tag === "@example")
    .map((b) =>
      partsText(b.content)
        .replace(/^\s*```(?:ts)?\n/, "")
        .replace(/\n```\s*$/, "")
        .trim(),
    );

/** Code that is part of a declaration, coloured, its types leading to where they are explained. `before` makes it whole. */
export function linked(code: string, before: string, links: Links): string {
  let skip = before.length;
  return highlight(before + code)
    .split(/(<[^>]*>[^<]*<\/span>)/)
    .map((part) => {
      const [, classes = "", text = part] = /^<span class="([^"]*)">([^<]*)<\/span>$/.exec(part) ?? [];
      const shown = text.slice(skip);
      skip = Math.max(0, skip - text.length);
      if (!shown) return "";
      const target = links.get(shown);
      if (target) return `<a class="${classes}" href="${target}">${shown}</a>`;
      return classes ? `<span class="${classes}">${shown}</span>` : shown;
    })
    .join("");
}

/** What makes a signature a declaration that the colouring understands. */
export const before = (signature: string): string =>
  /^(class|interface|type|const|new) /.test(signature) ? "" : /^[^(<]*:/.test(signature) ? "let " : "function ";
