import { parse as parseYaml } from "yaml";
import { LessonError } from "./sections.ts";

export interface FrontMatter {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** The line on which the body begins. */
  readonly bodyLine: number;
}

/** A text's first lines between --- and ---, and the rest. `holds` says what belongs there. */
export function frontMatter(text: string, holds: string): FrontMatter {
  const found = /^---\n([\s\S]*?)\n---\n/.exec(text);
  if (!found) throw new LessonError(`the text should begin with --- and ${holds}`, 1);
  let fields: unknown;
  try {
    fields = parseYaml(found[1]!);
  } catch (error) {
    throw new LessonError(`front matter: ${(error as Error).message}`, 2);
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields))
    throw new LessonError("front matter should be name: value lines", 2);
  return { fields: fields as Record<string, unknown>, body: text.slice(found[0].length), bodyLine: found[0].split("\n").length };
}

export function requiredText(fields: FrontMatter["fields"], name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || !value)
    throw new LessonError(`front matter: ${name} should be a text. Received: ${JSON.stringify(value)}`, 1);
  return value;
}

export function requiredNumber(fields: FrontMatter["fields"], name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !(value > 0))
    throw new LessonError(`front matter: ${name} should be a number. Received: ${JSON.stringify(value)}`, 1);
  return value;
}

export function textList(fields: FrontMatter["fields"], name: string): string[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value) || value.some((v) => typeof v !== "string"))
    throw new LessonError(`front matter: ${name} should be a list of texts`, 1);
  return value as string[];
}
