import { existsSync } from "node:fs";
import { ArgumentError, loadNpz } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import {
  addingSequences,
  bikeRentals,
  Dataset,
  meadow,
  moons,
  ngons,
  readTable,
  reversedSequences,
  rnaFamilies,
  sineWaves,
  spirals,
} from "../src/index.ts";

const file = new URL("../../../../shared/data/course/ngons-test.npz", import.meta.url).pathname;

/** Counts of grey values in 16 bins, and what lies at 255, as shares of all pixels. */
function histogram(pixels: ArrayLike<number>): number[] {
  const bins = new Array<number>(17).fill(0);
  for (let i = 0; i < pixels.length; i++) bins[pixels[i] === 255 ? 16 : pixels[i]! >> 4]! += 1 / pixels.length;
  return bins;
}

/** Correlation of "brighter than any background" between neighbours: what squares of noise and lines look like. */
function neighbours(pixels: ArrayLike<number>): number {
  let [both, one, n] = [0, 0, 0];
  for (let i = 0; i + 1 < pixels.length; i++) {
    if (i % 32 === 31) continue;
    const [a, b] = [pixels[i]! > 114, pixels[i + 1]! > 114];
    n++;
    if (a) one++;
    if (a && b) both++;
  }
  const p = one / n;
  return (both / n - p * p) / (p - p * p);
}

describe("n-gons", () => {
  test("are fixed by seed and place, of four classes in equal parts", () => {
    const { images, labels } = ngons(1000, { seed: 5 });
    expect([images.shape, images.dtype, labels.length]).toEqual([[1000, 32, 32], "uint8", 1000]);
    expect(ngons(10, { seed: 5 }).images.data).toEqual(images.data.slice(0, 10 * 1024));
    expect(ngons(10, { seed: 6 }).images.data).not.toEqual(images.data.slice(0, 10 * 1024));
    for (const k of [0, 1, 2, 3]) expect(labels.filter((l) => l === k).length).toBeGreaterThan(200);
  });

  test("without noise are the measured outline", () => {
    const { images } = ngons(1, { corners: [4], noise: 0, seed: 1 });
    const rows = Array.from({ length: 32 }, (_, y) =>
      String.fromCharCode(...images.data.slice(32 * y, 32 * y + 32).map((v) => (v ? 35 : 46))),
    );
    const lines = rows.map((r) => r.replace(/^\.+|\.+$/g, "")).filter(Boolean);
    expect(lines).toEqual([
      "##",
      "####",
      "##..##",
      "##....##",
      "##......##",
      "##........##",
      "##..........##",
      "##..........##",
      "##........##",
      "##......##",
      "##....##",
      "##..##",
      "####",
      "##",
    ]);
  });

  test("options vary size, rotation, position and line, and what does not fit is refused", () => {
    const { images, labels } = ngons(3, {
      size: 48,
      radius: [8, 20],
      rotation: [0, 6.28],
      lineWidth: [1, 3],
      noise: [0, 0.1],
      corners: [3, 8],
    });
    expect(images.shape).toEqual([3, 48, 48]);
    expect(Math.max(...labels)).toBeLessThan(2);
    expect(() => ngons(1, { radius: 16 })).toThrow(/does not fit 32 pixels/);
    expect(() => ngons(1, { corners: [2] })).toThrow(/from 3 on/);
  });

  test.skipIf(!existsSync(file))("have the statistics of the course's test file (skipped where shared/data is missing)", async () => {
    const theirs = await (await loadNpz(file)).images!.data();
    const ours = ngons(2000, { seed: 11 }).images.data;
    const [a, b] = [histogram(theirs), histogram(ours)];
    for (const [bin, share] of a.entries()) expect(Math.abs(b[bin]! - share), `bin ${bin}`).toBeLessThan(0.03 * share + 0.0005);
    expect(Math.abs(neighbours(ours) - neighbours(theirs))).toBeLessThan(0.005);
  });
});

describe("points and sequences", () => {
  test("spirals start at the centre and end on the unit circle", () => {
    const { x, y } = spirals(300, { classes: 3, noise: 0 });
    const radius = Array.from({ length: 300 }, (_, i) => Math.hypot(x.data[2 * i]!, x.data[2 * i + 1]!));
    expect(Math.max(...radius)).toBeLessThanOrEqual(1);
    expect([0, 1, 2].map((k) => y.filter((v) => v === k).length)).toEqual([100, 100, 100]);
  });

  test("moons lie on their half circles", () => {
    const { x, y } = moons(100, { noise: 0 });
    for (let i = 0; i < 100; i++) {
      const [u, v] = [x.data[2 * i]!, x.data[2 * i + 1]!];
      expect(y[i] === 0 ? Math.hypot(u, v) : Math.hypot(u - 1, v - 0.5)).toBeCloseTo(1, 5);
    }
  });

  test("the targets of sequences follow from their inputs", async () => {
    const adding = addingSequences(50, { length: 7 });
    for (let i = 0; i < 50; i++) {
      let [sum, marks] = [0, 0];
      for (let t = 0; t < 7; t++) {
        const mark = adding.x.data[14 * i + 2 * t + 1]!;
        marks += mark;
        sum += mark * adding.x.data[14 * i + 2 * t]!;
      }
      expect(marks).toBe(2);
      expect(sum).toBeCloseTo(adding.y[i]!, 5);
    }
    const { x, y } = reversedSequences(3, { length: 4 });
    expect([...y.data.slice(0, 4)]).toEqual([...x.data.slice(0, 4)].reverse());
    expect(Math.max(...sineWaves(10, { noise: 0 }).x.data)).toBeLessThanOrEqual(1);
    const [batch] = await Dataset.fromTensorSlices(adding).batch(8).take(1).toArray();
    expect([batch!.x.shape, batch!.y.shape]).toEqual([[8, 7, 2], [8]]);
  });
});

describe("hire bikes", () => {
  test("are two years of hours, fixed by their seed, with the habits of a city", async () => {
    const text = bikeRentals();
    expect(bikeRentals()).toBe(text);
    expect(bikeRentals({ seed: 2 })).not.toBe(text);
    const table = await readTable(text);
    expect(table.length).toBe(24 * 19 * 24);
    expect(table.names).toEqual(
      "datetime season holiday workingday weather temp atemp humidity windspeed casual registered count".split(" "),
    );
    const column = (name: string) => [...(table.column(name) as Float64Array)];
    const [casual, registered, count, working, temp] = ["casual", "registered", "count", "workingday", "temp"].map(column);
    expect(count!.every((c, i) => c === casual![i]! + registered![i]!)).toBe(true);
    const mean = (values: readonly number[], where: (i: number) => boolean) => {
      const chosen = values.filter((_, i) => where(i));
      return chosen.reduce((a, b) => a + b, 0) / chosen.length;
    };
    // To work at eight, out in the afternoon of free days, more in warm weather, more in the second year.
    expect(mean(registered!, (i) => working![i] === 1 && i % 24 === 8)).toBeGreaterThan(
      2 * mean(registered!, (i) => working![i] === 0 && i % 24 === 8),
    );
    expect(mean(casual!, (i) => working![i] === 0 && i % 24 === 14)).toBeGreaterThan(
      2 * mean(casual!, (i) => working![i] === 1 && i % 24 === 14),
    );
    expect(mean(count!, (i) => temp![i]! > 24)).toBeGreaterThan(1.3 * mean(count!, (i) => temp![i]! < 10));
    expect(mean(count!, (i) => i >= 5472)).toBeGreaterThan(1.4 * mean(count!, (i) => i < 5472));
    const missing = column("humidity").filter(Number.isNaN).length;
    expect(missing).toBeGreaterThan(50);
    expect(missing).toBeLessThan(200);
    expect(() => bikeRentals({ days: 40 })).toThrow(/days is 40/);
  });
});

describe("a meadow", () => {
  test("has every class in about equal parts, and picture i depends on the seed and i alone", () => {
    const { images, labels, classes } = meadow(240, { seed: 3, size: 16 });
    expect(images).toMatchObject({ dtype: "uint8", shape: [240, 16, 16, 3] });
    expect(classes).toEqual(["butterfly", "fish", "flower", "ladybird", "leaf", "mushroom"]);
    for (const [k] of classes.entries()) expect(labels.filter((l) => l === k).length).toBeGreaterThan(20);
    const few = meadow(5, { seed: 3, size: 16 });
    expect(few.labels).toEqual(labels.slice(0, 5));
    expect(few.images.data).toEqual(images.data.slice(0, 5 * 16 * 16 * 3));
    expect(meadow(5, { seed: 4, size: 16 }).images.data).not.toEqual(few.images.data);
    expect(meadow(0).images.shape).toEqual([0, 48, 48, 3]);
  });

  test("refuses sizes that no picture has", () => {
    for (const size of [8, 2000, 20.5, Number.NaN]) expect(() => meadow(1, { size })).toThrow(ArgumentError);
    expect(() => meadow(-1)).toThrow(ArgumentError);
  });
});

describe("made-up RNA", () => {
  const { sequences, structures, labels, families } = rnaFamilies(600, { seed: 3 });
  const partners = new Set(["AU", "UA", "CG", "GC", "GU", "UG"]);

  test("has a structure of the same length whose brackets match, and pairs that fit", () => {
    sequences.forEach((sequence, i) => {
      expect(structures[i]).toHaveLength(sequence.length);
      const open: number[] = [];
      [...structures[i]!].forEach((bracket, j) => {
        if (bracket === "(") open.push(j);
        if (bracket !== ")") return;
        expect(partners).toContain((sequence[open.pop()!]! + sequence[j]!).replaceAll("T", "U"));
      });
      expect(open).toEqual([]);
    });
  });

  test("writes the last family with U and the others with T, in shares that do not differ much", () => {
    const counts = families.map((_, k) => labels.filter((l) => l === k).length);
    for (const n of counts) expect(n).toBeGreaterThan(150);
    sequences.forEach((s, i) => {
      expect(s).toMatch(labels[i] === 2 ? /^[ACGU]+$/ : /^[ACGT]+$/);
    });
  });

  test("holds the boxes after which its families are named in most strands", () => {
    const share = (k: number, box: RegExp) => {
      const of = sequences.filter((_, i) => labels[i] === k);
      return of.filter((s) => box.test(s)).length / of.length;
    };
    expect(share(0, /[AG]TGATGA/)).toBeGreaterThan(0.6);
    expect(share(1, /ACA...$/)).toBeGreaterThan(0.6);
    expect(share(1, /[AG]TGATGA/)).toBeLessThan(0.1);
  });

  test("depends on its seed, and on the place alone", () => {
    expect(rnaFamilies(10, { seed: 3 }).sequences).toEqual(sequences.slice(0, 10));
    expect(rnaFamilies(10, { seed: 4 }).sequences).not.toEqual(sequences.slice(0, 10));
    expect(rnaFamilies(0).sequences).toEqual([]);
    expect(() => rnaFamilies(-1)).toThrow(/rnaFamilies/);
  });
});
