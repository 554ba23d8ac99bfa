import { FormatError } from "@gradus/tensor";

/** Sequences aligned to a query, which is the first of them. N is the number of the query's residues. */
export interface Alignment {
  readonly names: readonly string[];
  /** Capital letters and `-` for gaps, N each; what is inserted between the query's residues is left out. */
  readonly rows: readonly string[];
  /** How many residues were left out before each of the query's, int32 [N] a row. */
  readonly deletions: readonly Int32Array[];
}

/** The alignment of a sequence that nothing is known of: itself. To be chosen, never fallen back on: predictions become much worse. */
export function singleSequence(query: string): Alignment {
  return { names: ["query"], rows: [query], deletions: [new Int32Array(query.length)] };
}

/** Collects the rows of an alignment and checks them. */
export class Rows {
  readonly names: string[] = [];
  readonly rows: string[] = [];
  readonly deletions: Int32Array[] = [];
  private readonly format: string;
  private readonly query: string;
  /** Most rows have no deletions and share this. */
  private readonly none: Int32Array;

  constructor(format: string, query: string) {
    this.format = format;
    this.query = query;
    this.none = new Int32Array(query.length);
  }

  /** A row without what is inserted; `inserted` counts what was, if anything. */
  add(name: string, row: string, inserted?: Int32Array): void {
    if (!this.rows.length) this.checkQuery(row);
    const { length } = this.query;
    if (row.length !== length)
      this.fail(
        `${this.label(name)} is aligned to ${row.length} places, the query has ${length} residues`,
        "All must be aligned to the query",
      );
    this.names.push(name);
    this.rows.push(row);
    this.deletions.push(inserted ?? this.none);
  }

  done(): Alignment {
    if (!this.rows.length) this.fail("it holds no sequence", "Its first sequence must be the query");
    return { names: this.names, rows: this.rows, deletions: this.deletions };
  }

  label(name: string): string {
    return `sequence ${this.names.length + 1}${name ? ` (${name.slice(0, 40)})` : ""}`;
  }

  fail(problem: string, fix: string): never {
    throw new FormatError(this.format, `the alignment does not fit: ${problem}`, fix);
  }

  private checkQuery(first: string): void {
    const fix = "Give an alignment that was made for this sequence, with it as the first";
    if (first.length !== this.query.length)
      this.fail(`its first sequence has ${first.length} residues, the query has ${this.query.length}`, fix);
    for (let i = 0; i < first.length; i++)
      if (first[i] !== this.query[i])
        this.fail(`its first sequence has ${first[i]} at place ${i + 1}, the query has ${this.query[i]}`, fix);
  }
}
