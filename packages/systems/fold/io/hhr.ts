import { FormatError } from "@gradus/tensor";

/** A chain of known structure that a search has found, aligned to the query. */
export interface Hit {
  /** As the database names it, such as "4PQX_A Conserved protein". */
  readonly name: string;
  /** Equal length, `-` for gaps. */
  readonly query: string;
  readonly template: string;
  /** The query's residue at which the alignment begins, from 0 on. */
  readonly queryStart: number;
  /** How many residues are expected to be aligned right; null where the file does not say. */
  readonly sumProbs: number | null;
}

const operation = "HHR";

/** The hits of HHsearch's result file (.hhr), best first. FormatError, in a sentence, for what is none. */
export function readHhr(text: string): Hit[] {
  const fail = (problem: string): never => {
    throw new FormatError(operation, problem, "Give the .hhr file that HHsearch has written");
  };
  const [head, ...blocks] = text.replaceAll("\r", "").split(/^No \d+ *$/m);
  if (!/^Query\s/m.test(head!)) fail("the file does not begin with the query");
  return blocks.map((block, i) => {
    const where = `hit ${i + 1}`;
    const name = /^>(.+)$/m.exec(block)?.[1]?.trim() ?? fail(`${where} has no name`);
    const [query, template] = ["Q", "T"].map((side) => rows(block, side, (problem) => fail(`${where}: ${problem}`))) as [Rows, Rows];
    if (!query.text) fail(`${where} has no alignment`);
    if (query.text.length !== template.text.length)
      fail(`${where}: the query has ${query.text.length} columns, the template ${template.text.length}; the file may be truncated`);
    const sum = /Sum_probs=([\d.]+)/.exec(block)?.[1];
    return { name, query: query.text, template: template.text, queryStart: query.start, sumProbs: sum === undefined ? null : Number(sum) };
  });
}

interface Rows {
  readonly text: string;
  readonly start: number;
}

/** The rows of one side put together: `Q name 12 MKV--LA 17 (120)`; consensus and predictions are left out. */
function rows(block: string, side: string, fail: (problem: string) => never): Rows {
  let [text, start, next] = ["", -1, -1];
  for (const line of block.split("\n")) {
    const [, name, from, row, to] = /^([QT] \S+) +(\d+) +(\S+) +(\d+) +\(\d+\) *$/.exec(line) ?? [];
    if (!name?.startsWith(`${side} `) || name === `${side} Consensus` || /^. ss_/.test(name)) continue;
    if (!/^[A-Za-z-]+$/.test(row!)) fail(`there is ${JSON.stringify(row!.slice(0, 20))} where residues should be`);
    const letters = row!.replaceAll("-", "").length;
    if (Number(to) - Number(from) + 1 !== letters || (next >= 0 && Number(from) !== next))
      fail(`the numbers ${from} and ${to} do not fit the row between them`);
    if (start < 0) start = Number(from) - 1;
    next = Number(to) + 1;
    text += row!.toUpperCase();
  }
  return { text, start };
}
