import { type Column, takeRows } from "./column.ts";
import { mean, quantile, std, sum } from "./summary.ts";
import type { Table } from "./table.ts";

const statistics = {
  mean,
  sum,
  std: (values: Float64Array) => std(values),
  min: (values: Float64Array) => quantile(values, 0),
  max: (values: Float64Array) => quantile(values, 1),
  median: (values: Float64Array) => quantile(values, 0.5),
  count: (values: Float64Array) => values.filter((v) => !Number.isNaN(v)).length,
};

export type Statistic = keyof typeof statistics;

/** Rows of a table in groups, in the order in which the groups first appear. Missing values form a group like others. */
export class Groups {
  private readonly table: Table;
  private readonly names: readonly string[];
  private readonly keys: readonly Column[];
  private readonly members: readonly (readonly number[])[];
  private readonly build: (columns: ReadonlyMap<string, Column>) => Table;

  /** @internal Use `table.groupBy`. */
  constructor(table: Table, names: readonly string[], keys: readonly Column[], build: (columns: ReadonlyMap<string, Column>) => Table) {
    this.build = build;
    this.table = table;
    this.names = names;
    this.keys = keys;
    const found = new Map<string, number[]>();
    for (let i = 0; i < table.length; i++) {
      const key = JSON.stringify(keys.map((column) => column.values[i])); // NaN and null alike become null
      const group = found.get(key);
      if (group) group.push(i);
      else found.set(key, [i]);
    }
    this.members = [...found.values()];
  }

  /** Number of groups. */
  get length(): number {
    return this.members.length;
  }

  /** The groups as tables. */
  *tables(): Generator<Table> {
    for (const rows of this.members) yield this.table.take(rows);
  }

  /** How many rows each group has, as a column `count`. */
  count(): Table {
    return this.heads([["count", { kind: "number", values: Float64Array.from(this.members, (rows) => rows.length) }]]);
  }

  /** A row for each group with statistics of columns: `aggregate({ temp: "mean", rain: "sum" })`; missing values do not count. */
  aggregate(wanted: Readonly<Record<string, Statistic>>): Table {
    return this.heads(
      Object.entries(wanted).map(([name, which]): [string, Column] => {
        const values = this.table.numbers(name);
        return [
          name,
          {
            kind: "number",
            values: Float64Array.from(this.members, (rows) => statistics[which](Float64Array.from(rows, (i) => values[i]!))),
          },
        ];
      }),
    );
  }

  mean(...names: string[]): Table {
    return this.aggregate(Object.fromEntries(names.map((name) => [name, "mean" as const])));
  }

  sum(...names: string[]): Table {
    return this.aggregate(Object.fromEntries(names.map((name) => [name, "sum" as const])));
  }

  private heads(columns: readonly (readonly [string, Column])[]): Table {
    const first = this.members.map((rows) => rows[0]!);
    return this.build(new Map([...this.names.map((name, i) => [name, takeRows(this.keys[i]!, first)] as const), ...columns]));
  }
}
