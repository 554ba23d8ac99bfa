/** The coarse structure of a lesson's text: boxes between ::: lines, fenced code, and Markdown in between. */
export type Section =
  | { readonly kind: "prose"; readonly text: string; readonly line: number }
  | { readonly kind: "fence"; readonly words: readonly string[]; readonly options: Options; readonly code: string; readonly line: number }
  | {
      readonly kind: "box";
      readonly name: string;
      readonly options: Options;
      readonly sections: readonly Section[];
      readonly line: number;
    };

export type Options = Readonly<Record<string, string>>;

/** A fault in a lesson, with its place. */
export class LessonError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = "LessonError";
    this.line = line;
  }
}

/** Fences whose words are more than a language are parts of the lesson; the others stay Markdown. */
const meaning = new Set(["cell", "figure", "starter", "check", "solution", "stated"]);

/** Cuts a text, whose first line has the number `first`, into sections. */
export function sectionsOf(text: string, first = 1): Section[] {
  const root: Section[] = [];
  const open: { name: string; options: Options; sections: Section[]; line: number }[] = [];
  let prose: string[] = [];
  let proseLine = first;
  let fence: { mark: string; words: string[]; options: Options; code: string[]; line: number; ours: boolean } | null = null;
  const here = () => open.at(-1)?.sections ?? root;
  const flush = (next: number) => {
    if (prose.some((l) => l.trim())) here().push({ kind: "prose", text: prose.join("\n"), line: proseLine });
    prose = [];
    proseLine = next;
  };
  text.split("\n").forEach((line, i) => {
    const number = first + i;
    if (fence) {
      const closing = /^(`{3,}|~{3,})\s*$/.exec(line);
      if (closing && closing[1]!.startsWith(fence.mark)) {
        if (fence.ours) {
          here().push({ kind: "fence", words: fence.words, options: fence.options, code: fence.code.join("\n"), line: fence.line });
          proseLine = number + 1;
        } else prose.push(line);
        fence = null;
      } else if (fence.ours) fence.code.push(line);
      else prose.push(line);
      return;
    }
    const opening = /^(`{3,}|~{3,})\s*(.*)$/.exec(line);
    if (opening) {
      const { words, options } = wordsOf(opening[2]!, number);
      const ours = words[0] === "quiz" || words.some((w) => meaning.has(w));
      if (ours) flush(number);
      else prose.push(line);
      fence = { mark: opening[1]!, words, options, code: [], line: number, ours };
      return;
    }
    const box = /^:::+\s*(\w+)?\s*(.*)$/.exec(line);
    if (!box) {
      prose.push(line);
      return;
    }
    flush(number + 1);
    if (box[1]) {
      open.push({ name: box[1], options: wordsOf(box[2]!, number).options, sections: [], line: number });
      return;
    }
    const ended = open.pop();
    if (!ended) throw new LessonError("::: closes nothing", number);
    here().push({ kind: "box", ...ended });
  });
  if (fence) throw new LessonError("this code block has no end", (fence as { line: number }).line);
  if (open.length) throw new LessonError(`::: ${open.at(-1)!.name} has no closing :::`, open.at(-1)!.line);
  flush(0);
  return root;
}

/** `ts check name="the sum" points=2`: words, and options with their values. */
function wordsOf(text: string, line: number): { words: string[]; options: Record<string, string> } {
  const words: string[] = [];
  const options: Record<string, string> = Object.create(null);
  const pattern = /\s*(?:([\w-]+)=(?:"([^"]*)"|(\S+))|(\S+))/gy;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const [, key, quoted, plain, word] = found;
    if (key) options[key] = quoted ?? plain ?? "";
    else if (word) words.push(word);
  }
  if (words.some((w) => w.includes('"'))) throw new LessonError(`a quotation mark is missing in: ${text}`, line);
  return { words, options };
}
