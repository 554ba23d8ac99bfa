// Makes the door of lesson 20: how the shipped network folds a chain that it has never seen, layer by layer, and the result by pLDDT.
//   node course/20-alphafold/make.ts
// It draws an SVG and turns it into a PNG with rsvg-convert (Debian's librsvg2-bin).
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { alphaCarbons, type Chain, generateFolds, makeFeatures, moved, singleSequence, superpose } from "@gradus/systems/fold";
import { FoldNetwork, featuresOf, iteration, loadFold, nothingRecycled, predict } from "@gradus/systems/fold/network";

const weights = fileURLToPath(new URL("../../packages/systems/fold/weights/", import.meta.url));
const { config, weights: trained } = await loadFold(readFileSync(`${weights}generated.json`, "utf8"), `${weights}generated.safetensors`);
const network = new FoldNetwork(config, trained);
const { chain } = generateFolds(1, { seed: 11, part: "held-out", kinds: ["helix-turn-helix"] })[0]!;
const { sequence } = chain;

const input = { sequence, alignments: [singleSequence(sequence)] };
let result: Chain = chain;
for await (const pass of predict(network, input, { relax: false })) result = pass.chain;
const plddt = Array.from(sequence, (_, i) => result.bFactors[37 * i + 1]!);

// CA atoms after some layers of the first pass; before them all residues are in one place.
const features = featuresOf(makeFeatures(input, { clusters: 1, extra: 1, masked: 0 }));
const { layers } = iteration(features, nothingRecycled(config, sequence.length), trained, config.structure.layers);
const shown = [0, 1, 2].map((k) => layers[Math.round((k * (layers.length - 1)) / 3)]!);
const stages: ArrayLike<number>[] = [];
for (const { backbone } of shown) stages.push((await backbone.translation.data()) as Float32Array);
stages.push(alphaCarbons(result).points);

const [width, height, letterRow] = [880, 264, 34];
type Point = readonly [x: number, y: number, z: number];

/** The true chain's longest direction lies along x, its shortest in depth; predictions are laid upon it. */
const known = alphaCarbons(chain).points;
const n = known.length / 3;
const pointsOf = (flat: ArrayLike<number>): Point[] =>
  Array.from({ length: n }, (_, i) => [flat[3 * i]!, flat[3 * i + 1]!, flat[3 * i + 2]!]);
const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const unit = (a: Point): Point => a.map((x) => x / Math.hypot(...a)) as unknown as Point;
const cross = (a: Point, b: Point): Point => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const middle = (some: readonly Point[]): Point =>
  [0, 1, 2].map((k) => some.reduce((s, p) => s + p[k]!, 0) / some.length) as unknown as Point;
const between = (a: Point, b: Point): Point => [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
const truth = pointsOf(known);
// Along the first helix, and from it to the second.
const along = unit(between(middle(truth.slice(0, 4)), middle(truth.slice(6, 10))));
const over = between(middle(truth.slice(0, 10)), middle(truth.slice(-10)));
const beside = unit(over.map((x, k) => x - dot(over, along) * along[k]!) as unknown as Point);
const axes = [along, beside, cross(along, beside)] as const;
const seen = (points: readonly Point[]): Point[] => points.map((p) => axes.map((a) => dot(a, p)) as unknown as Point);

const colours = [
  [90, "#0053d6"],
  [70, "#65cbf3"],
  [50, "#ffdb13"],
  [0, "#ff7d45"],
] as const;
const colourOf = (plddt: number): string => colours.find(([from]) => plddt > from)?.[1] ?? "#ff7d45";

/** Catmull and Rom's curve between b and c. */
const curve = (a: Point, b: Point, c: Point, d: Point, t: number): Point =>
  [0, 1, 2].map((k) => {
    const [p, q, r, s] = [a[k]!, b[k]!, c[k]!, d[k]!];
    return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t * t + (3 * q - p - 3 * r + s) * t ** 3);
  }) as unknown as Point;

const each = width / stages.length;
const scale = Math.min((each - 40) / 26, (height - letterRow - 30) / 22);
const picture = stages.map((points, which) => {
  const line = seen(pointsOf(moved(superpose(points, known), points)));
  const centre = middle(line);
  const at = (p: Point): string =>
    `${(each * (which + 0.5) + scale * (p[0] - centre[0])).toFixed(1)} ${((height - letterRow) / 2 - scale * (p[1] - centre[1])).toFixed(1)}`;
  const pieces = line.slice(1).flatMap((c, i) => {
    const [a, b, d] = [line[i - 1] ?? line[i]!, line[i]!, line[i + 2] ?? c];
    return [0, 0.5].map((from) => {
      const some = [0, 0.25, 0.5].map((t) => curve(a, b, c, d, from + t));
      const residue = from ? i + 1 : i;
      return {
        path: `M${some.map(at).join("L")}`,
        depth: some[1]![2],
        colour: which === stages.length - 1 ? colourOf(plddt[residue]!) : "#8d979d",
      };
    });
  });
  const depths = pieces.map(({ depth }) => depth);
  const [far, near] = [Math.min(...depths), Math.max(...depths)];
  return pieces
    .sort((p, q) => p.depth - q.depth)
    .map(({ path, depth, colour }) => {
      const thick = scale * (1 + (0.6 * (depth - far)) / (near - far || 1));
      return `<path d="${path}" stroke="#121212" stroke-width="${(thick + 3).toFixed(1)}"/><path d="${path}" stroke="${colour}" stroke-width="${thick.toFixed(1)}" stroke-linecap="round"/>`;
    })
    .join("");
});
const step = (width - 60) / n;
const letters = [...sequence].map((letter, i) => {
  const colour = colourOf(plddt[i]!);
  return `<text x="${30 + (i + 0.5) * step}" y="${height - 18}" fill="#e8e4da" font-size="15" font-family="DejaVu Sans Mono" text-anchor="middle">${letter}</text><rect x="${30 + i * step}" y="${height - 11}" width="${step}" height="4" fill="${colour}"/>`;
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#121212"/><g fill="none">${picture.join("")}</g>${letters.join("")}</svg>`;
writeFileSync(fileURLToPath(new URL("files/door.png", import.meta.url)), execFileSync("rsvg-convert", [], { input: svg }));
