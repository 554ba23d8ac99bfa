import { existsSync } from "node:fs";
import { loadNpy } from "@gradus/tensor";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { csvRows, readTable, Table } from "../src/index.ts";
import { fileChunks } from "../src/node/index.ts";

const shared = new URL("../../../../shared/data/course/", import.meta.url).pathname;
const rowsOf = (t: Table) => [...t.rows()];
const table = () =>
  Table.from({ city: ["Ulm", "Bonn", null, "Ulm"], temp: [3, 5, 7, null], day: [1, 2, 3, 4].map((d) => new Date(Date.UTC(2024, 1, d))) });

describe("reading", () => {
  test.each([
    ["commas", "a,b\n1,x\n2,y\n"],
    ["semicolons", "a;b\n1;x\n2;y"],
    ["tabs and \\r\\n", "a\tb\r\n1\tx\r\n2\ty\r\n"],
    ["bars and a mark", "\ufeffa|b\n1|x\n\n2|y\n"],
    ["blanks", " a b\n1   x\n2 \t y\n"],
    ["quotes", '"a","b"\n"1","x"\n2,y\n'],
  ])("%s", async (_, text) => {
    const t = await readTable(text);
    expect(rowsOf(t)).toEqual([
      { a: 1, b: "x" },
      { a: 2, b: "y" },
    ]);
  });

  test("guesses numbers, dates and strings, and what is missing", async () => {
    const t = await readTable("n,d,s,e\n1e3,2011-01-01 05:00:00,a,\n-.5,NA,NA,\nNaN,2011-02-03T00:00:00+01:00,7,?\n");
    expect(t.names.map((name) => t.kind(name))).toEqual(["number", "date", "string", "number"]);
    expect(rowsOf(t)).toEqual([
      { n: 1000, d: new Date("2011-01-01T05:00:00Z"), s: "a", e: null },
      { n: -0.5, d: null, s: null, e: null },
      { n: null, d: new Date("2011-02-02T23:00:00Z"), s: "7", e: null },
    ]);
  });

  test("types, decimal marks, date formats, headers, comments and missing texts can be given", async () => {
    const t = await readTable("# made up\n03.02.2011;1,5;007;-9\n", {
      header: ["day", "x", "id", "y"],
      comment: "#",
      separator: ";",
      decimal: ",",
      dateFormat: "DD.MM.YYYY",
      types: { id: "string" },
      missing: ["-9"],
    });
    expect(rowsOf(t)).toEqual([{ day: new Date("2011-02-03"), x: 1.5, id: "007", y: null }]);
    expect((await readTable("1,2\n3,4\n", { header: false })).names).toEqual(["0", "1"]);
    await expect(readTable("a\nx\n", { types: { a: "number" } })).rejects.toThrow(/a in row 1 is no number: "x"/);
    await expect(readTable("a\nx\n", { types: { b: "number" } })).rejects.toThrow(/no column "b"/);
  });

  test("days that do not exist are no dates", async () => {
    expect((await readTable("d\n2023-02-29\n")).kind("d")).toBe("string");
    expect((await readTable("d\n2024-02-29\n")).kind("d")).toBe("date");
    expect((await readTable("d\n2024-02-28 24:00\n")).kind("d")).toBe("string");
  });

  test.each([
    ["rows of other lengths", "a,b\n1,2\n3\n", {}, /row 3 has 1 fields, 2 were expected/],
    ["an open quote", 'a,b\n1,"2\n3,4\n', {}, /quot/i],
    ["an endless row", `a,b\n1,"${"x".repeat(300)}`, { maxRowLength: 100 }, /longer than 100/],
    ["two equal names", "a,a\n1,2\n", {}, /two columns are called "a"/],
    ["too many columns", "a,b,c\n", { maxColumns: 2 }, /more than 2/],
    ["too many rows", "a\n1\n2\n3\n", { maxRows: 2 }, /more than 2 rows/],
    ["a wrong separator", "a\n1\n", { separator: "::" }, /one character/],
  ])("refuses %s", async (_, text, options, message) => {
    await expect(readTable(pieces(text, 7), options)).rejects.toThrow(message);
  });

  test("an empty text is a table without columns, a header alone one without rows", async () => {
    expect((await readTable("")).names).toEqual([]);
    const t = await readTable("a,b\n");
    expect([t.names, t.length]).toEqual([["a", "b"], 0]);
  });

  test("any texts come back from quoted fields, however the bytes are cut", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "ü", " ", ";", "7") });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        async (rows, size) => {
          const text = rows.map((row) => row.map((f) => `"${f.replaceAll('"', '""')}"`).join(",")).join("\n");
          const found: string[][] = [];
          for await (const row of csvRows(pieces(text, size), { header: ["a", "b"], separator: "," })) found.push(row);
          expect(found.slice(1)).toEqual(rows);
        },
      ),
      { numRuns: 300 },
    );
  });

  test.skipIf(!existsSync(shared))("the bikes (skipped where shared/data is missing)", async () => {
    const t = await readTable(fileChunks(`${shared}bikes-summerdays-full.csv`));
    expect([t.length, t.names.length, t.kind("datetime"), t.kind("weather")]).toEqual([10886, 12, "date", "number"]);
    expect([...t.numbers("count")]).toEqual([...(await (await loadNpy(`${shared}bikes-y.npy`)).data())]);
    const summer = await readTable(fileChunks(`${shared}bikes-summerdays.tbl`));
    expect([summer.length, ...summer.names]).toEqual([1482, "temp", "count"]);
  });
});

async function* pieces(text: string, n: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let i = 0; i < bytes.length; i += n) yield bytes.subarray(i, i + n);
}

describe("tables", () => {
  test("select, drop, rename, with, filter, sort, take", () => {
    const t = table();
    expect(t.select("temp", "city").names).toEqual(["temp", "city"]);
    expect(t.drop("day").rename({ temp: "t" }).names).toEqual(["city", "t"]);
    expect([...t.with("f", (row) => (row.temp === null ? null : 1.8 * (row.temp as number) + 32)).numbers("f")]).toEqual([
      37.4,
      41,
      44.6,
      NaN,
    ]);
    expect(t.filter((row) => row.city === "Ulm").length).toBe(2);
    expect([...t.sort("temp", { descending: true }).numbers("temp")]).toEqual([7, 5, 3, NaN]);
    expect(t.sort("city").column("city")).toEqual(["Bonn", "Ulm", "Ulm", null]);
    expect(t.take([2, 0]).row(0)).toEqual({ city: null, temp: 7, day: new Date("2024-02-03") });
    expect(() => t.select("Temp")).toThrow(/no column "Temp".*city, temp, day/);
    expect(() => t.with("x", [1, 2])).toThrow(/x has 2 rows/);
    expect(() => t.take([4])).toThrow(/no row 4/);
    expect(() => Table.from({ a: [1, "x"] })).toThrow(/mixes/);
  });

  test("missing values are dropped or filled", () => {
    expect(table().dropMissing().length).toBe(2);
    expect(table().dropMissing("city").length).toBe(3);
    const filled = table().fillMissing({ city: "?", temp: "mean" });
    expect([filled.column("city")[2], filled.numbers("temp")[3]]).toEqual(["?", 5]);
    expect(table().fillMissing({ temp: 0 }).numbers("temp")[3]).toBe(0);
  });

  test("groupBy gives statistics of each group", () => {
    const t = Table.from({ g: ["a", "b", "a", "b", null], h: [1, 1, 1, 2, 2], x: [1, 2, 3, null, 5] });
    expect(rowsOf(t.groupBy("g").mean("x"))).toEqual([
      { g: "a", x: 2 },
      { g: "b", x: 2 },
      { g: null, x: 5 },
    ]);
    expect(rowsOf(t.groupBy("g", "h").count())).toEqual([
      { g: "a", h: 1, count: 2 },
      { g: "b", h: 1, count: 1 },
      { g: "b", h: 2, count: 1 },
      { g: null, h: 2, count: 1 },
    ]);
    expect([...t.groupBy("h").aggregate({ x: "max" }).numbers("x")]).toEqual([3, 5]);
    expect([...t.groupBy("h").tables()].map((g) => g.length)).toEqual([3, 2]);
  });

  test("oneHot and codes use the sorted values or given categories", () => {
    expect(rowsOf(table().oneHot("city").drop("temp", "day"))[1]).toEqual({ "city=Bonn": 1, "city=Ulm": 0 });
    expect(rowsOf(table().oneHot("city"))[2]).toMatchObject({ "city=Bonn": 0, "city=Ulm": 0 });
    expect([...table().codes("city")]).toEqual([1, 0, -1, 1]);
    expect(() => table().codes("city", { categories: ["Ulm"] })).toThrow(/"Bonn", which is no category/);
  });

  test("standardise shifts and scales, by the statistics of another table if given", () => {
    const train = Table.from({ x: [1, 2, 3, null], c: [5, 5, 5, 5] });
    const statistics = train.standardisation("x");
    expect(statistics.x!.deviation).toBeCloseTo(Math.sqrt(2 / 3), 12);
    expect([...train.standardise().numbers("c")]).toEqual([0, 0, 0, 0]);
    expect(
      Table.from({ x: [2] })
        .standardise(statistics)
        .numbers("x")[0],
    ).toBe(0);
  });

  test("describe has pandas' numbers", () => {
    // pandas.Series([1, 2, 4, 8]).describe()
    expect(rowsOf(Table.from({ x: [1, 2, 4, null, 8], s: ["a", "b", "c", "d", "e"] }).describe())).toEqual([
      { column: "x", count: 4, mean: 3.75, std: expect.closeTo(3.095696, 6), min: 1, "25%": 1.75, "50%": 3, "75%": 5, max: 8 },
    ]);
  });

  test("leave as arrays and data sets", async () => {
    const t = Table.from({ a: [1, 2], b: [3, 4], y: [0, 1] });
    expect(await t.toTensor(["b", "a"]).tolist()).toEqual([
      [3, 1],
      [4, 2],
    ]);
    expect(t.toArray("y", { dtype: "int32" })).toEqual({ shape: [2], dtype: "int32", data: Int32Array.of(0, 1) });
    expect(() => Table.from({ a: [1.5] }).toArray("a", { dtype: "int32" })).toThrow(/a holds 1.5/);
    const [batch] = await t.toDataset(["a", "b"], "y", { targetType: "int32" }).batch(2).toArray();
    expect([batch!.x.shape, batch!.y.dtype]).toEqual([[2, 2], "int32"]);
    expect(String(table().head(2))).toBe("city  temp         day\n Ulm     3  2024-02-01\nBonn     5  2024-02-02\n2 rows");
  });
});
