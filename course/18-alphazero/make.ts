// Makes the door of lesson 18: a position, and the tree that the shipped network's search grows from it.
//   node course/18-alphazero/make.ts
// It draws an SVG and turns it into a PNG with rsvg-convert (Debian's librsvg2-bin).
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Random } from "@gradus/data";
import { connectFour, evaluatorOf, loadZero, meanOf, type Node, parseDescription, puct, search, Tree } from "@gradus/systems/zero";

const weights = fileURLToPath(new URL("../../packages/systems/zero/weights/", import.meta.url));
const description = parseDescription(readFileSync(`${weights}connect4.json`, "utf8"), "connect4.json");
const { model } = await loadZero(description, `${weights}connect4.safetensors`);
const tree = new Tree(connectFour.begin("577224"), puct(), new Random(1));
tree.begin(90);
await search([tree], evaluatorOf(connectFour, model));
const expected = tree.line(tree.result.choose(0));

const [width, height, field] = [880, 264, 38];

// The board, as text draws it: X began.
const stones = String(tree.state)
  .split("\n")
  .slice(0, 6)
  .flatMap((row, r) =>
    [...row.slice(2).replaceAll(" ", "")].map((sign, c) => ({ sign, x: 18 + (c + 0.5) * field, y: 18 + (r + 0.5) * field })),
  );
const board = stones.map(({ sign, x, y }) => {
  const fill = sign === "X" ? "#e89646" : sign === "O" ? "#6f8fe0" : "#1d1d22";
  return `<circle cx="${x}" cy="${y}" r="${0.42 * field}" fill="${fill}"/>`;
});

interface Dot {
  x: number;
  readonly depth: number;
  /** From the side of who is to move at the root. */
  readonly value: number;
  readonly visits: number;
  readonly from: Dot | null;
  readonly expected: boolean;
}
const dots: Dot[] = [];
let leaves = 0;
/** Children stand side by side, a node above the middle of its children. */
function place(node: Node, dot: Dot): Dot {
  dots.push(dot);
  const children = node.actions.flatMap((action, edge): Dot[] => {
    const child = node.children[edge];
    if (!child || typeof child === "symbol") return [];
    const side = dot.depth % 2 ? -1 : 1;
    const on = dot.expected && expected[dot.depth] === action;
    const below = { x: 0, depth: dot.depth + 1, value: side * meanOf(node, edge, 0), visits: node.visits[edge]!, from: dot, expected: on };
    return [place(child, below)];
  });
  dot.x = children.length ? (children[0]!.x + children.at(-1)!.x) / 2 : leaves++;
  return dot;
}
const root = tree.root!;
place(root, { x: 0, depth: 0, value: root.value, visits: root.visited, from: null, expected: true });
const depth = Math.max(...dots.map((d) => d.depth));
const x = (d: Dot): number => 326 + (540 * (d.x + 0.5)) / leaves;
const y = (d: Dot): number => 18 + (228 * d.depth) / depth;
/** The colour of the stones of who is better. */
const colour = ({ value }: Dot): string =>
  Math.abs(value) < 0.1 ? "#a8a49a" : value > 0 === (tree.state.turn === 0) ? "#e89646" : "#6f8fe0";
const edges = [...dots]
  .sort((a, b) => Number(a.expected) - Number(b.expected))
  .flatMap((d) => {
    if (!d.from) return [];
    const [stroke, strokeWidth] = d.expected ? ["#fff4de", 3] : ["#5a5a66", 0.7 + 0.4 * Math.sqrt(d.visits)];
    return `<line x1="${x(d.from)}" y1="${y(d.from)}" x2="${x(d)}" y2="${y(d)}" stroke="${stroke}" stroke-width="${strokeWidth}"/>`;
  });
const nodes = dots.map((d) => `<circle cx="${x(d)}" cy="${y(d)}" r="${2 + 0.55 * Math.sqrt(d.visits)}" fill="${colour(d)}"/>`);
const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#121212"/><rect x="14" y="14" width="${7 * field + 8}" height="${6 * field + 8}" rx="8" fill="#2a2d3a"/>${board.join("")}${edges.join("")}${nodes.join("")}</svg>`;
const png = execFileSync("rsvg-convert", [], { input: svg });
writeFileSync(fileURLToPath(new URL("files/door.png", import.meta.url)), png);
