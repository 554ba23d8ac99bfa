import { classHighlighter, highlightCode } from "@lezer/highlight";
import { parser } from "@lezer/javascript";
import katex from "katex";
import MarkdownIt, { type MarkdownIt as Markdown } from "markdown-it";

export interface MarkdownOptions {
  /** The text is ours: HTML, images and headings with ids are kept. What people write is not: default false. */
  readonly trusted?: boolean;
}

const typescript = parser.configure({ dialect: "ts" });

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => escapes[c]!);

/** Code as HTML with the classes that the editor uses. */
export function highlight(code: string): string {
  let html = "";
  highlightCode(
    code,
    typescript.parse(code),
    classHighlighter,
    (text, classes) => {
      html += classes ? `<span class="${classes}">${escapeHtml(text)}</span>` : escapeHtml(text);
    },
    () => {
      html += "\n";
    },
  );
  return html;
}

/** Mathematics as HTML; what cannot be read stays as it was typed. */
export function mathematics(source: string, display: boolean): string {
  return katex.renderToString(source.slice(0, 5000), {
    displayMode: display,
    throwOnError: false,
    trust: false,
    strict: "ignore",
    maxExpand: 200,
    maxSize: 30,
  });
}

/** $...$ within a line, $$...$$ around a paragraph of its own. */
function mathRules(md: Markdown): void {
  md.inline.ruler.after("escape", "mathematics", (state, silent) => {
    const { src, pos } = state;
    if (src[pos] !== "$") return false;
    const mark = src.startsWith("$$", pos) ? "$$" : "$";
    const begin = pos + mark.length;
    if (/\s/.test(src[begin] ?? " ")) return false;
    let end = begin;
    do end = src.indexOf(mark, end + (end > begin ? 1 : 0));
    while (end > 0 && src[end - 1] === "\\");
    // "5$ and 6$" are amounts of money.
    if (end <= begin || /\s/.test(src[end - 1]!) || (mark === "$" && /\d/.test(src[end + 1] ?? ""))) return false;
    if (!silent) {
      const token = state.push("mathematics", "", 0);
      token.content = src.slice(begin, end);
      token.markup = mark;
    }
    state.pos = end + mark.length;
    return true;
  });
  md.block.ruler.before("fence", "mathematics", (state, first, last, silent) => {
    const line = (n: number) => state.src.slice(state.bMarks[n]! + state.tShift[n]!, state.eMarks[n]).trim();
    if (!line(first).startsWith("$$")) return false;
    let end = first;
    while (!(line(end).endsWith("$$") && (end > first || line(end).length > 3))) if (++end >= last) return false;
    if (silent) return true;
    const token = state.push("mathematics", "", 0);
    token.block = true;
    token.content = state.src.slice(state.bMarks[first], state.eMarks[end]).trim().slice(2, -2);
    token.markup = "$$";
    token.map = [first, end + 1];
    state.line = end + 1;
    return true;
  });
  md.renderer.rules["mathematics"] = (tokens, i) => {
    const { content, markup, block } = tokens[i]!;
    const html = mathematics(content, markup === "$$");
    return block ? `<p class="display">${html}</p>\n` : html;
  };
}

function build(trusted: boolean): Markdown {
  const md = new MarkdownIt({
    html: trusted,
    linkify: !trusted,
    typographer: trusted,
    highlight: (code, language) => (/^(ts|js|typescript|javascript)\b/.test(language) ? highlight(code) : ""),
  });
  md.use(mathRules);
  // Wide tables and formulas scroll in themselves, and can be scrolled by keyboard.
  md.renderer.rules["table_open"] = () => '<div class="scroll" tabindex="0"><table>\n';
  md.renderer.rules["table_close"] = () => "</table></div>\n";
  if (trusted) return md;
  md.disable("image"); // pictures from elsewhere would tell their owners who reads
  const plain = md.renderer.rules["link_open"] ?? ((tokens, i, options, _env, self) => self.renderToken(tokens, i, options));
  md.renderer.rules["link_open"] = (tokens, i, options, env, self) => {
    tokens[i]!.attrSet("rel", "nofollow noopener ugc");
    return plain(tokens, i, options, env, self);
  };
  // Headings of posts stand below those of the page.
  const lower = (tag: string) => `h${Math.min(6, Number(tag[1]) + 3)}`;
  for (const rule of ["heading_open", "heading_close"])
    md.renderer.rules[rule] = (tokens, i, options, _env, self) => {
      tokens[i]!.tag = lower(tokens[i]!.tag);
      return self.renderToken(tokens, i, options);
    };
  return md;
}

const renderers = { ours: build(true), theirs: build(false) };

/** Most characters of a text by somebody else. */
export const longestText = 50_000;

/** Markdown with mathematics as HTML. Text that is not trusted gives no HTML of its own, no scripts, no pictures from elsewhere. */
export function renderMarkdown(text: string, { trusted = false }: MarkdownOptions = {}): string {
  return trusted ? renderers.ours.render(text) : renderers.theirs.render(text.slice(0, longestText));
}

/** Words of a Markdown text without its marks, for searching and for short previews. */
export function plainText(text: string): string {
  let words = "";
  const walk = (tokens: ReturnType<Markdown["parse"]>) => {
    for (const { type, children, content } of tokens) {
      if (children) walk(children);
      else if (["text", "code_inline", "mathematics"].includes(type)) words += content;
      else if (type === "fence" || type === "code_block") words += content;
      else if (type.endsWith("break")) words += " ";
      if (type === "inline" || type === "fence" || type === "code_block") words += " ";
    }
  };
  walk(renderers.theirs.parse(text, {}));
  return words.replace(/\s+/g, " ").trim();
}
