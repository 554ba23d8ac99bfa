import type { CellError, Content } from "@gradus/notebook/output";
import type { CheckResult } from "@gradus/notebook/protocol";

export interface AcceptedOutput {
  readonly id: string;
  /** Null where it is not of the known form, or too large to draw: a sentence stands for it. */
  readonly content: Content | null;
  /** About as many bytes as it takes. */
  readonly weight: number;
}

/**
 * Outputs come from cells, which may hold anybody's code. What passes is data of a known form; nothing of it is ever used as HTML or
 * as code.
 */
export function acceptOutput(value: unknown): AcceptedOutput | null {
  if (!isRecord(value) || typeof value["id"] !== "string" || value["id"].length > 200) return null;
  const budget = { left: mostNumbers, characters: mostCharacters };
  const accepted = isContent(value["content"], budget, 0);
  const weight = 8 * (mostNumbers - budget.left) + (mostCharacters - budget.characters);
  return { id: value["id"], content: accepted ? (value["content"] as unknown as Content) : null, weight: accepted ? weight : 0 };
}

/** Numbers that one output may hold, and characters in all its texts and pictures. */
const mostNumbers = 400_000;
const mostCharacters = 20_000_000;

type Budget = { left: number; characters: number };
type Rec = Record<string, unknown>;
const isRecord = (x: unknown): x is Rec => typeof x === "object" && x !== null && !Array.isArray(x);
const isText = (x: unknown, most = 5000): x is string => typeof x === "string" && x.length <= most;
/** A text that counts. */
const isLong = (x: unknown, most: number, budget: Budget): x is string => isText(x, most) && (budget.characters -= x.length) >= 0;
const isOptional = (x: unknown, test: (x: unknown) => boolean): boolean => x === undefined || test(x);
const isNumber = (x: unknown): x is number => typeof x === "number";
const isFlag = (x: unknown): boolean => typeof x === "boolean";
const isPair = (x: unknown): boolean => Array.isArray(x) && x.length === 2 && x.every(Number.isFinite);
const isList = (x: unknown, test: (x: unknown) => boolean, budget: Budget): boolean =>
  Array.isArray(x) && (budget.left -= x.length) >= 0 && x.every(test);

function isContent(c: unknown, budget: Budget, depth: number): boolean {
  if (!isRecord(c)) return false;
  switch (c["kind"]) {
    case "text":
      return isLong(c["text"], 300_000, budget) && ["log", "warn", "error"].includes(c["level"] as string);
    case "value":
      return isLong(c["text"], 300_000, budget) && isOptional(c["type"], (t) => isText(t, 300));
    case "markdown":
      return isLong(c["text"], 50_000, budget);
    case "table":
      return (
        isList(c["columns"], (x) => isRecord(x) && isText(x["name"], 300) && isFlag(x["numeric"]), budget) &&
        isList(c["rows"], (row) => isList(row, (x) => isLong(x, 1000, budget), budget), budget) &&
        isNumber(c["total"])
      );
    case "plot":
      return isOptions(c["options"]) && isList(c["marks"], (m) => isMark(m, budget), budget) && (c["marks"] as unknown[]).length <= 500;
    case "images":
      return (
        isList(
          c["images"],
          (i) =>
            isRecord(i) &&
            isLong(i["png"], 8_000_000, budget) &&
            /^[A-Za-z0-9+/=]*$/.test(i["png"]) &&
            isNumber(i["width"]) &&
            isNumber(i["height"]) &&
            isOptional(i["label"], (l) => isText(l, 300)),
          budget,
        ) &&
        isNumber(c["scale"]) &&
        c["scale"] > 0 &&
        c["scale"] <= 64 &&
        isText(c["alt"])
      );
    case "input":
      return isText(c["label"], 200) && isInput(c["input"], budget) && isValue(c["value"]);
    case "progress":
      return (
        isText(c["label"], 300) &&
        isNumber(c["done"]) &&
        (c["total"] === null || isNumber(c["total"])) &&
        isNumber(c["seconds"]) &&
        isOptional(c["note"], (n) => isText(n, 2000))
      );
    case "grid":
      return (
        depth === 0 &&
        isNumber(c["columns"]) &&
        Array.isArray(c["cells"]) &&
        c["cells"].length <= 200 &&
        c["cells"].every((x) => isRecord(x) && isOptional(x["label"], (l) => isText(l, 300)) && isContent(x["content"], budget, 1))
      );
    case "custom":
      return (
        isText(c["type"], 100) &&
        isText(c["label"], 200) &&
        isText(c["alt"]) &&
        isFlag(c["listens"]) &&
        isPlain(c["data"], budget) &&
        isPlain(c["value"], budget)
      );
    default:
      return false;
  }
}

/** Whether it is what JSON can say, not too much and not too deep; what draws it looks at its form. */
function isPlain(x: unknown, budget: Budget, depth = 0): boolean {
  if (--budget.left < 0 || depth > 20) return false;
  if (x === null || isNumber(x) || isFlag(x)) return true;
  if (typeof x === "string") return isLong(x, 1_000_000, budget);
  if (Array.isArray(x)) return x.length <= budget.left && x.every((v) => isPlain(v, budget, depth + 1));
  if (!isRecord(x) || Object.getPrototypeOf(x) !== Object.prototype) return false;
  return Object.entries(x).every(([name, v]) => isLong(name, 1000, budget) && isPlain(v, budget, depth + 1));
}

const isColor = (x: unknown): boolean => ["data", "model", "truth", "error", "muted"].includes(x as string) || Number.isInteger(x);

function isAxis(x: unknown): boolean {
  return (
    isText(x, 200) ||
    (isRecord(x) && isOptional(x["label"], (l) => isText(l, 200)) && isOptional(x["domain"], isPair) && isOptional(x["log"], isFlag))
  );
}

function isOptions(o: unknown): boolean {
  return (
    isRecord(o) &&
    isOptional(o["title"], (t) => isText(t, 500)) &&
    isOptional(o["alt"], (t) => isText(t, 5000)) &&
    isOptional(o["x"], isAxis) &&
    isOptional(o["y"], isAxis) &&
    isOptional(o["width"], (w) => isNumber(w) && w >= 50 && w <= 2000) &&
    isOptional(o["height"], (h) => isNumber(h) && h >= 30 && h <= 2000) &&
    isOptional(o["square"], isFlag) &&
    isOptional(o["axes"], isFlag)
  );
}

function isMark(m: unknown, budget: Budget): boolean {
  if (!isRecord(m) || !isOptional(m["color"], isColor) || !isOptional(m["label"], (l) => isText(l, 300))) return false;
  const numbers = (...keys: string[]): boolean => keys.every((k) => isList(m[k], isNumber, budget));
  const grid = (): boolean =>
    numbers("values") &&
    [m["rows"], m["columns"]].every((n) => Number.isInteger(n) && (n as number) > 0 && (n as number) <= 4096) &&
    (m["values"] as number[]).length === (m["rows"] as number) * (m["columns"] as number) &&
    isPair(m["x"]) &&
    isPair(m["y"]) &&
    ["rowNames", "columnNames"].every((k) => isOptional(m[k], (l) => isList(l, (t) => isText(t, 200), budget)));
  switch (m["mark"]) {
    case "line":
      return numbers("x", "y") && isOptional(m["width"], isNumber) && isOptional(m["dashed"], isFlag) && isOptional(m["arrows"], isFlag);
    case "dots":
      return (
        numbers("x", "y") &&
        isOptional(m["size"], isNumber) &&
        isOptional(m["groups"], (g) => isList(g, (v) => isNumber(v) || isText(v, 200), budget))
      );
    case "area":
      return numbers("x", "low", "high");
    case "bars":
      return numbers("values") && isList(m["names"], (t) => isText(t, 200), budget);
    case "histogram":
      return numbers("edges", "counts") && (m["edges"] as number[]).length === (m["counts"] as number[]).length + 1;
    case "contour":
      return grid() && isNumber(m["levels"]) && m["levels"] > 0 && m["levels"] <= 100 && isFlag(m["filled"]);
    case "heatmap":
      return grid() && isFlag(m["numbers"]) && isOptional(m["range"], isPair);
    case "boxes":
      return isList(
        m["boxes"],
        (b) =>
          isRecord(b) &&
          isText(b["name"], 200) &&
          ["low", "q1", "median", "q3", "high"].every((k) => isNumber(b[k])) &&
          isList(b["outliers"], isNumber, budget),
        budget,
      );
    case "text":
      return numbers("x", "y") && isList(m["texts"], (t) => isText(t, 300), budget);
    case "rule":
      return isOptional(m["x"], isNumber) && isOptional(m["y"], isNumber);
    default:
      return false;
  }
}

function isInput(i: unknown, budget: Budget): boolean {
  if (!isRecord(i)) return false;
  switch (i["type"]) {
    case "slider":
      return [i["min"], i["max"], i["step"]].every(Number.isFinite) && isFlag(i["log"]);
    case "select":
      return isList(i["options"], (o) => isText(o, 300), budget);
    case "toggle":
    case "button":
      return true;
    case "text":
      return isNumber(i["maxLength"]) && isOptional(i["lines"], (n) => isNumber(n) && n >= 1 && n <= 40);
    case "point":
      return isPair(i["x"]) && isPair(i["y"]);
    case "files":
      return isText(i["accept"], 300) && isFlag(i["multiple"]) && isFlag(i["folder"]);
    default:
      return false;
  }
}

const isValue = (v: unknown): boolean => isNumber(v) || isText(v, 100_000) || isFlag(v) || isPair(v);

export function acceptError(value: unknown): CellError | null {
  if (value === null) return null;
  if (!isRecord(value)) return { name: "Error", message: "The cell failed." };
  const { name, message, line, column } = value;
  return {
    name: isText(name, 200) ? name : "Error",
    message: isText(message, 20_000) ? message : "",
    ...(Number.isInteger(line) ? { line: line as number } : {}),
    ...(Number.isInteger(column) ? { column: column as number } : {}),
  };
}

export const acceptNames = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v): v is string => isText(v, 200)).slice(0, 2000) : [];

export function acceptResults(value: unknown, names: readonly string[]): CheckResult[] {
  const list = Array.isArray(value) ? value.filter(isRecord) : [];
  return names.map((name) => {
    const found = list.find((r) => r["name"] === name);
    const text = (key: string) => (isText(found?.[key], 5000) ? { [key]: found![key] as string } : {});
    return {
      name,
      points: isNumber(found?.["points"]) ? (found!["points"] as number) : 0,
      passed: found?.["passed"] === true,
      ...text("message"),
      ...text("given"),
      ...text("expected"),
      ...text("hint"),
    };
  });
}
