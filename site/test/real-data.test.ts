// The lessons' own code on the real data on which the course's made-up ones are modelled, held to facts known of them.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { cellsOf } from "@gradus/course";
import { loadCourse } from "@gradus/course/node";
import { check } from "@gradus/notebook";
import { array } from "@gradus/tensor";
import { type ArrayData, readNpy } from "@gradus/tensor/io";
import { describe, expect, test } from "vitest";
import { record } from "../scripts/record.ts";

const folder = new URL("../../../shared/data/course/", import.meta.url);
const there = existsSync(folder);
const because = "(skipped: ../shared/data/course is not on this machine)";
const course = await loadCourse();

/** Runs a lesson's cells up to `last`, with files opened in its inputs; gives what an expression of its variables is. */
async function run(lesson: string, last: string, inputs: Record<string, readonly string[]>) {
  const { kernel, errors } = record(lesson, async () => new Uint8Array());
  const opened: Record<string, { name: string; bytes: Uint8Array<ArrayBuffer> }[]> = {};
  for (const [label, names] of Object.entries(inputs))
    opened[label] = await Promise.all(names.map(async (name) => ({ name, bytes: new Uint8Array(await readFile(new URL(name, folder))) })));
  for (const { id, source } of cellsOf(course.find((l) => l.slug === lesson)!)) {
    await kernel.run(id, source, opened);
    if (id === last) break;
  }
  expect(errors).toEqual([]);
  return async (expression: string): Promise<unknown> => {
    await kernel.run("asked", `globalThis.answer = await (${expression});`, {});
    expect(errors).toEqual([]);
    return (globalThis as { answer?: unknown }).answer;
  };
}

describe.skipIf(!there)(`the lessons on real data ${there ? "" : because}`, () => {
  test("2: the matrix of features is the one prepared elsewhere, and so are the counts", async () => {
    const value = await run("02-data", "matrix", { "another table with these columns": ["bikes-summerdays-full.csv"] });
    const stored = async (name: string): Promise<ArrayData> => readNpy(new Uint8Array(await readFile(new URL(name, folder))));
    await check.close(await value("X"), array(await stored("bikes-X.npy")).cast("float32"), { rtol: 1e-3, atol: 1e-3 });
    await check.close(await value("y.squeeze()"), array(Float32Array.from<number | bigint>((await stored("bikes-y.npy")).data, Number)));
  });

  test("3: errors, the path of gradient descent and the optimum are the known ones", async () => {
    const value = await run("03-gradient-descent", "optimum", { "another table with temp and count": ["bikes-summerdays.tbl"] });
    expect(await value("spring.length")).toBe(1482);
    const at = (a: number, b: number) => value(`error(array([${a}, ${b}])).item()`);
    expect(await at(1, 2)).toBeCloseTo(126566.3068, -1);
    expect(await at(3, 4)).toBeCloseTo(125266.2414, -1);
    expect(await at(311, 0)).toBeCloseTo(30531.7463, -1);
    const errors = (await value("errors")) as number[];
    expect(errors[0]! / 4562314.69).toBeCloseTo(1, 5);
    expect(errors[10]! / 182621.03).toBeCloseTo(1, 5);
    expect(errors[20]! / 38312.49).toBeCloseTo(1, 5);
    await check.close(await value("optimum"), [315.4808, 115.5369], { rtol: 1e-5 });
    expect(await value("lowest")).toBeCloseTo(27223.7143, -1);
  });

  const long = process.env["GRADUS_TEST_LONG"] === "1";
  test.skipIf(!long)(
    `12: on real families one-hot codes do better than ordinal ones, and two convolutions better still ${long ? "" : "(skipped: takes minutes; GRADUS_TEST_LONG=1 runs it)"}`,
    async () => {
      const files = ["cd_sequences.fasta", "haca_sequences.fasta", "scarna_sequences.fasta"];
      const value = await run("12-sequences", "large", { "three FASTA files, one a family": files });
      expect(await value("raw.length")).toBe(3 * 1913);
      const [ordinal, hot, large] = (await value("[withOrdinal.accuracy, withOneHot.accuracy, large.accuracy]")) as number[];
      console.log(`test accuracies: ordinal ${ordinal}, one-hot ${hot}, two convolutions ${large}`);
      // Published with one split: about 0.82, 0.95 and 0.97.
      expect(ordinal).toBeGreaterThan(0.8);
      expect(hot).toBeGreaterThan(0.93);
      expect(hot).toBeGreaterThan(ordinal!);
      expect(large).toBeGreaterThan(0.95);
    },
    600_000,
  );
});
