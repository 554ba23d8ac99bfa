import { expect, test } from "vitest";
import { drawing, multiply, turn, widestView } from "../src/lib/outputs/ribbon.ts";
import { colourOf, readResidues, structureOf } from "../src/lib/outputs/structure.ts";

const atom = (name: string, residue: string, number: string, [x, y, z]: readonly number[], b = 0): string =>
  `ATOM      1  ${name.padEnd(3)} ${residue} A${number.padStart(4)}    ${[x, y, z].map((c) => c!.toFixed(3).padStart(8)).join("")}  1.00${b.toFixed(2).padStart(6)}`;
/** Five residues on a line that is not along an axis, with one beside it. */
const line = [0, 1, 2, 3, 4].map((i) => [3 * i, 2 * i, i === 2 ? 1.5 : 0]);
const pdb = [...line.map((p, i) => atom("CA", "GLY", String(i + 1), p, 20 * i)), "TER"].join("\n");
const one = { chains: [{ pdb, colour: "plddt", name: "a chain" }] };

test("a structure has the residues of its PDB text, in the first model alone, and what the cell says of them", () => {
  const text = [
    "HEADER    PROTEIN",
    atom("N", "SER", "5", [1, 2, 3]),
    atom("CA", "SER", "5", [-1, 2.5, 3], 91),
    atom("CA", "MSE", "5A", [4, 5, 6], 12.5),
    "HETATM    9  O   HOH A  99       0.000   0.000   0.000  1.00  0.00",
    "ENDMDL",
    atom("CA", "SER", "6", [1, 2, 3]),
  ].join("\n");
  expect(readResidues(text)).toEqual([
    {
      name: "SER",
      letter: "S",
      atoms: [
        { name: "N", at: [1, 2, 3] },
        { name: "CA", at: [-1, 2.5, 3] },
      ],
      alpha: [-1, 2.5, 3],
      confidence: 91,
    },
    { name: "MSE", letter: "X", atoms: [{ name: "CA", at: [4, 5, 6] }], alpha: [4, 5, 6], confidence: 12.5 },
  ]);
  const found = structureOf({
    chains: [{ pdb: text, colour: "values", values: [0.5, 3, 1], name: "x" }, { pdb: text }],
    marked: [1, 2, -1, "1"],
    links: [[0, 1, 0.4], [0, 2, 1], [1, 1, 1], "no"],
    sticks: true,
  })!;
  expect(found.chains.map(({ name, colour, values }) => ({ name, colour, values }))).toEqual([
    { name: "x", colour: "values", values: [0.5, 1] },
    { name: "", colour: "model", values: [] },
  ]);
  expect([[...found.marked], found.links, found.sticks]).toEqual([[1], [{ from: 0, to: 1, weight: 0.4 }], true]);
});

test("data of a stranger make no structure", () => {
  for (const bad of [
    null,
    7,
    {},
    { chains: [] },
    { chains: [{ pdb: 3 }] },
    { chains: [{ pdb: "" }] },
    { chains: [one.chains[0], null] },
    { chains: [{ pdb: pdb.replace("GLY", "<b>") }] },
    { chains: [{ pdb: pdb.replace("CA ", "C\"'") }] },
    { chains: [{ pdb: pdb.replace("   3.000", "     NaN") }] },
    { chains: [{ pdb: pdb.replace("   3.000", "1e999999") }] },
    { chains: [{ pdb: `${pdb}\n`.repeat(20_000) }] },
  ])
    expect(structureOf(bad), JSON.stringify(bad)?.slice(0, 100)).toBeNull();
});

test("confidence has the colours of AlphaFold's database, and values those between grey and the model's", () => {
  const [chain] = structureOf(one)!.chains;
  expect([0, 1, 2, 3, 4].map((i) => colourOf(chain!, i))).toEqual(["#ff7d45", "#ff7d45", "#ff7d45", "#ffdb13", "#65cbf3"]);
  expect(colourOf({ ...chain!, colour: "values", values: [0.25] }, 0)).toContain("25%");
  expect(colourOf({ ...chain!, colour: "values", values: [0.25] }, 1)).toContain("0%");
});

test("the view shows a chain's length along x, its beginning to the left, and is no mirror", () => {
  const { chains } = structureOf(one)!;
  const view = widestView(chains[0]!);
  const places = chains[0]!.residues.map(({ alpha }) => view.map((row) => row.reduce((sum, r, k) => sum + r * alpha![k]!, 0)));
  expect(places[4]![0]! - places[0]![0]!).toBeGreaterThan(14);
  expect(Math.abs(places[4]![1]! - places[0]![1]!)).toBeLessThan(1);
  const [a, b, c] = view as unknown as [number[], number[], number[]];
  const determinant =
    a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) - a[1]! * (b[0]! * c[2]! - b[2]! * c[0]!) + a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!);
  expect(determinant).toBeCloseTo(1, 9);
});

test("a drawing lies on its paper, from far to near, and parts where residues are missing", () => {
  const structure = structureOf({ ...one, links: [[0, 4, 1]] })!;
  const view = widestView(structure.chains[0]!);
  const { strokes, places, width, height } = drawing(structure, view);
  // Two for each step, and the link.
  expect(strokes.length).toBe(9);
  expect(strokes.filter((s) => s.dashed).length).toBe(1);
  for (const [x, y] of places as [number, number][]) expect(x > 0 && x < width && y > 0 && y < height).toBe(true);
  const solid = strokes.filter((s) => !s.dashed).map((s) => s.width);
  expect(solid).toEqual([...solid].sort((a, b) => a - b));
  // Half a turn about y: left and right change places.
  const { places: behind } = drawing(structure, multiply(turn("y", 180), view));
  expect(behind[0]![0]).toBeCloseTo(width - places[0]![0], 6);
  const gap = structureOf({
    chains: [
      {
        pdb: pdb
          .split("\n")
          .filter((_, i) => i !== 2)
          .join("\n"),
      },
    ],
  })!;
  expect(drawing(gap, view).strokes.length).toBe(4);
});
