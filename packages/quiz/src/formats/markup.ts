/** How a text of Moodle is written: HTML, Markdown, plain, or Moodle's own mixture of plain text and tags. */
export type Markup = "html" | "markdown" | "plain" | "moodle";

export interface Taken {
  readonly text: string;
  /** Tags that had to be left out and that showed something: img, table, … */
  readonly lost: readonly string[];
}

/** Longest text that is converted. */
export const longestMarkup = 30_000;

/** A text as Markdown (prose), or as the words that are shown as they are (choices, answers). */
export function taken(text: string, markup: Markup, kind: "prose" | "words"): Taken {
  const prose = kind === "prose";
  if (markup === "html" || (markup === "moodle" && /<\/?[a-z]/i.test(text))) return new HtmlReader(prose).read(text);
  return { text: (markup === "markdown" ? text : literal(text, prose, true)).trim(), lost: [] };
}

const blocks = new Set("p div h1 h2 h3 h4 h5 h6 blockquote section article header footer table tr caption dl dt dd hr".split(" "));
const framed = new Set("b strong i em code pre sub sup ul ol li".split(" "));
/** Tags whose loss changes what the reader sees. */
const telling = new Set("img table a video audio iframe object embed svg math input select textarea u s del".split(" "));
const silent = new Set(["script", "style"]);
const deepest = 40;

interface Frame {
  readonly tag: string;
  out: string;
  items: number;
}

/** Reads HTML in one pass; every step moves on, whatever the input. */
class HtmlReader {
  private readonly frames: Frame[] = [{ tag: "", out: "", items: 0 }];
  private readonly lost = new Set<string>();
  private readonly prose: boolean;

  constructor(prose: boolean) {
    this.prose = prose;
  }

  read(html: string): Taken {
    // Only ASCII: other letters may change their number.
    const lower = html.replace(/[A-Z]/g, (c) => c.toLowerCase());
    let at = 0;
    while (at < html.length) {
      const open = html.indexOf("<", at);
      if (open !== at) this.text(html.slice(at, open < 0 ? undefined : open));
      if (open < 0) break;
      const comment = html.startsWith("<!--", open);
      const end = html.indexOf(comment ? "-->" : ">", open);
      const tag = end < 0 ? null : /^<(\/?)([a-z][a-z0-9]{0,20})(?![\w-])/i.exec(html.slice(open, open + 24));
      if (tag) {
        at = end + 1;
        const name = tag[2]!.toLowerCase();
        if (tag[1]) this.close(name);
        else {
          this.open(name);
          if (silent.has(name)) {
            const close = lower.indexOf(`</${name}`, at);
            at = close < 0 ? html.length : close;
          }
        }
      } else if (comment || /^<[!?/]/.test(html.slice(open, open + 2))) {
        at = end < 0 ? html.length : end + (comment ? 3 : 1);
      } else {
        this.text("<");
        at = open + 1;
      }
    }
    while (this.frames.length > 1) this.pop();
    const { out } = this.frames[0]!;
    return { text: this.prose ? out.trim() : out.replace(/\s+/g, " ").trim(), lost: [...this.lost] };
  }

  private get top(): Frame {
    return this.frames.at(-1)!;
  }

  private within(...tags: string[]): boolean {
    return this.frames.some((f) => tags.includes(f.tag));
  }

  /** Whether a line begins here, also within tags that begin no line. */
  private get atStart(): boolean {
    const frame = this.frames.findLast((f) => f.out !== "" || f.tag === "" || f.tag === "li")!;
    return frame.out === "" || frame.out.endsWith("\n");
  }

  private text(html: string): void {
    const text = decodeEntities(html);
    if (this.within("pre")) this.top.out += text;
    else if (this.within("code")) this.top.out += text.replace(/\s+/g, " ");
    else {
      const { atStart } = this;
      const flat = text.replace(/\s+/g, " ");
      this.top.out += literal(atStart ? flat.trimStart() : flat, this.prose && !this.within("sub", "sup"), atStart);
    }
  }

  private open(name: string): void {
    if (telling.has(name)) this.lost.add(name);
    if (name === "br") this.top.out += this.within("pre") ? "\n" : this.prose ? "\\\n" : " ";
    else if (blocks.has(name)) this.block();
    else if (framed.has(name) && this.frames.length < deepest) this.frames.push({ tag: name, out: "", items: 0 });
  }

  private close(name: string): void {
    if (blocks.has(name)) return this.block();
    if (!framed.has(name) || !this.within(name)) return;
    while (this.top.tag !== name) this.pop();
    this.pop();
  }

  private block(): void {
    const { top } = this;
    if (!this.prose) top.out += " ";
    else if (top.out.trim()) top.out = `${top.out.trimEnd()}\n\n`;
  }

  private pop(): void {
    const { tag, out, items } = this.frames.pop()!;
    const { top } = this;
    const [before, inner, after] = [/^\s*/.exec(out)![0], out.trim(), out.trim() ? " ".repeat(out.trimEnd() === out ? 0 : 1) : ""];
    const wrapped = (mark: string) =>
      inner && this.prose && !inner.includes("\n\n") ? `${before && " "}${mark}${inner}${mark}${after}` : out;
    switch (tag) {
      case "b":
      case "strong":
        top.out += wrapped("**");
        break;
      case "i":
      case "em":
        top.out += wrapped("*");
        break;
      case "code":
        top.out += !this.prose || !inner || this.within("pre") ? out : inlineCode(inner);
        break;
      case "pre":
        if (!this.prose) top.out += out;
        else if (inner) {
          const fence = "`".repeat(Math.max(3, longestRun(out) + 1));
          this.block();
          top.out += `${fence}\n${out.replace(/^\n|\n$/g, "")}\n${fence}\n\n`;
        }
        break;
      case "sub":
      case "sup":
        top.out += script(inner, tag, this.prose);
        break;
      case "li": {
        const mark = top.tag === "ol" ? `${++top.items}. ` : "- ";
        if (!this.prose) top.out += `${out} `;
        else if (inner) {
          if (top.out && !top.out.endsWith("\n")) top.out += "\n";
          top.out += `${mark}${inner.replace(/\n+/g, `\n${" ".repeat(mark.length)}`)}\n`;
        }
        break;
      }
      default:
        this.block();
        top.out += items || inner ? `${out.trim()}\n\n` : "";
    }
  }
}

function inlineCode(code: string): string {
  const ticks = "`".repeat(longestRun(code) + 1);
  const pad = /^`|`$/.test(code) ? " " : "";
  return `${ticks}${pad}${code}${pad}${ticks}`;
}

const longestRun = (text: string): number => (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);

const plainScript = "0123456789+-=()";
const scripts = { sub: "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", sup: "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾" };

/** x₂ in Unicode where it has the signs, otherwise as mathematics. */
function script(text: string, tag: "sub" | "sup", prose: boolean): string {
  if (!text) return "";
  const signs = [...text].map((c) => (plainScript.includes(c) ? scripts[tag][plainScript.indexOf(c)] : null));
  if (signs.every((s) => s !== null)) return signs.join("");
  const inner = `${tag === "sub" ? "_" : "^"}{${text.replace(/[\\{}$]/g, "")}}`;
  return prose ? `$${inner}$` : inner;
}

/** Plain text with mathematics in \( \), \[ \] and $$ $$, as Markdown that shows the same. */
function literal(text: string, prose: boolean, atStart: boolean): string {
  let out = "";
  let at = 0;
  const closing: Record<string, string> = { "\\(": "\\)", "\\[": "\\]", $$: "$$" };
  const missing = new Set<string>();
  const plain = (part: string) => {
    out += prose ? escapeMarkdown(part, atStart && out === "") : part;
  };
  for (const { 0: begin, index } of text.matchAll(/\\\(|\\\[|\$\$/g)) {
    if (index < at || missing.has(begin)) continue;
    const end = text.indexOf(closing[begin]!, index + 2);
    const inner = end < 0 ? "" : text.slice(index + 2, end).trim();
    if (end < 0) missing.add(begin);
    if (!inner) continue;
    plain(text.slice(at, index));
    out += begin === "\\(" ? `$${inner}$` : `$$${inner}$$`;
    at = end + 2;
  }
  plain(text.slice(at));
  return out;
}

function escapeMarkdown(text: string, atStart: boolean): string {
  const inline = text
    .replace(/\\(?=[!-/:-@[-`{-~])/g, "\\\\")
    .replace(/[`*[\]<$]/g, "\\$&")
    .replace(/(?<!\w)_(?=[^\W_])/g, "\\_");
  const line = (s: string) => s.replace(/^( {0,3})([#>+-])/, "$1\\$2").replace(/^( {0,3}\d{1,9})([.)])/, "$1\\$2");
  return inline
    .split("\n")
    .map((s, i) => (i > 0 || atStart ? line(s) : s))
    .join("\n");
}

const entities: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", hellip: "…", ndash: "–", mdash: "—", times: "×" },
  ...{ minus: "−", le: "≤", ge: "≥", ne: "≠", middot: "·", deg: "°", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”" },
};

/** Numbered characters, and the named ones that matter; others stay as they are. */
export function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(entities, name) ? entities[name]! : whole;
    const code = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hex!, 16);
    const valid = code >= 32 ? code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) : code === 9 || code === 10 || code === 13;
    return valid ? String.fromCodePoint(code) : whole;
  });
}
