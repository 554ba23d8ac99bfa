import MiniSearch, { type Options, type SearchResult } from "minisearch";

/** A section of a lesson or of a page around the lessons, or a name of the reference. */
export interface Passage {
  readonly id: number;
  readonly kind: "lesson" | "page" | "reference";
  /** Where it is, without language: "lessons/01-arrays#axes". */
  readonly path: string;
  readonly title: string;
  /** The lesson's or the page's title, or the package's name. */
  readonly within: string;
  readonly text: string;
}

export type Found = Passage & SearchResult;

/** Words, and the words inside names: "argMax" is found as "arg" and "max" too. */
function words(text: string): string[] {
  const all = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  return all.flatMap((word) => {
    const parts = word.match(/\p{Lu}?[\p{Ll}\p{N}]+|\p{Lu}+(?!\p{Ll})/gu) ?? [];
    return parts.length > 1 ? [word, ...parts] : [word];
  });
}

const options: Options<Passage> = {
  fields: ["title", "within", "text"],
  storeFields: ["kind", "path", "title", "within", "text"],
  tokenize: words,
  searchOptions: {
    boost: { title: 4, within: 1.5 },
    prefix: (term) => term.length > 1,
    fuzzy: (term) => (term.length > 4 ? 0.2 : false),
    combineWith: "AND",
  },
};

/** The index as text, for the page to load. */
export function indexOf(passages: readonly Passage[]): string {
  const index = new MiniSearch(options);
  index.addAll(passages);
  return JSON.stringify(index);
}

export function searcher(index: string): (query: string) => Found[] {
  const search = MiniSearch.loadJSON(index, options);
  return (query) => search.search(query) as Found[];
}

/** The part of a text around the first of some words, cut at blanks. */
export function excerpt(text: string, terms: readonly string[], length = 180): string {
  const lower = text.toLowerCase();
  const at = Math.max(0, Math.min(...terms.map((t) => lower.indexOf(t)).filter((i) => i >= 0), text.length) - length / 3);
  const begin = at < 20 || at >= text.length - 1 ? 0 : text.indexOf(" ", at) + 1;
  const end = begin + length >= text.length ? text.length : text.lastIndexOf(" ", begin + length);
  return (begin ? "… " : "") + text.slice(begin, end).trim() + (end < text.length ? " …" : "");
}
