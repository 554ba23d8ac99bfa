// Makes the door of lesson 17: what the shipped model sees in a line of verse.
//   node course/17-gpt/make.ts
// It draws an SVG and turns it into a PNG with rsvg-convert (Debian's librsvg2-bin).
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { likeliest, loadLanguageModel } from "@gradus/systems/gpt";
import { array, softmax, type Tensor } from "@gradus/tensor";

const weights = fileURLToPath(new URL("../../packages/systems/gpt/weights/", import.meta.url));
const model = await loadLanguageModel({
  description: readFileSync(`${weights}shakespeare.json`),
  weights: readFileSync(`${weights}shakespeare.safetensors`),
});
const { network, tokenizer } = model;

const verse = "Good night, good night! Parting is such sweet sor";
const attention: number[][][][] = []; // layer, head, asking, asked
const maps: Tensor[] = [];
const logits = network.forward(array(Int32Array.from(tokenizer.encode(verse))).expandDims(), {
  observe: (what, _, value) => void (what === "attention" && maps.push(value.get(0))),
});
for (const map of maps) attention.push((await map.tolist()) as number[][][]);
const next = (await softmax(logits.get(0, -1)).data()) as Float32Array;

/** How far back and how decidedly a head looks: the one that does both most is drawn. */
const reach = (map: number[][]): number =>
  map.reduce((sum, row, i) => sum + row.reduce((a, w, j) => a + (j && i - j > 1 ? w * w * Math.min(12, i - j) : 0), 0), 0);
const heads = attention.flatMap((layer, l) => layer.map((map, h) => ({ name: `layer ${l + 1}, head ${h + 1}`, map, reach: reach(map) })));
const chosen = heads.reduce((a, b) => (b.reach > a.reach ? b : a));
console.log(`drawn: ${chosen.name}`);

const [width, height, base, left, step] = [880, 264, 192, 22, 13.6];
const at = (i: number): number => left + (i + 0.5) * step;
const escaped = (s: string): string => s.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const arcs = chosen.map.flatMap((row, i) =>
  row.flatMap((w, j) => {
    if (w < 0.06 || i === j) return [];
    const [a, b] = [at(j), at(i)];
    const high = Math.min(base - 40, 16 + 0.85 * (b - a));
    const colour = w > 0.5 ? "#fff4de" : w > 0.2 ? "#e89646" : "#3e54a0";
    return `<path d="M${a} ${base - 20} C${a} ${base - 20 - high} ${b} ${base - 20 - high} ${b} ${base - 20}" fill="none" stroke="${colour}" stroke-width="${(0.6 + 2.6 * w).toFixed(2)}" stroke-opacity="${(0.35 + 0.6 * w).toFixed(2)}"/>`;
  }),
);
const signs = [...verse].map(
  (c, i) =>
    `<text x="${at(i)}" y="${base}" text-anchor="middle" font-family="DejaVu Sans Mono" font-size="19" fill="#e8e4da">${escaped(c)}</text>`,
);
const best = likeliest(next, 5);
const bars = best.map((id, k) => {
  const [x, y, long] = [728, 78 + 30 * k, 100 * next[id]!];
  const name = { " ": "␣", "\n": "⏎" }[tokenizer.token(id)] ?? tokenizer.token(id);
  return (
    `<text x="${x}" y="${y + 6}" text-anchor="end" font-family="DejaVu Sans Mono" font-size="19" fill="#e8e4da">${escaped(name)}</text>` +
    `<rect x="${x + 12}" y="${y - 9}" width="${Math.max(1.5, long)}" height="18" rx="2" fill="#e89646"/>`
  );
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#121212"/>${arcs.join("")}${signs.join("")}${bars.join("")}</svg>`;
const png = execFileSync("rsvg-convert", [], { input: svg });
writeFileSync(fileURLToPath(new URL("files/door.png", import.meta.url)), png);
