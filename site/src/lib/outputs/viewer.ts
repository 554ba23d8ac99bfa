import type { GLViewer } from "3dmol";
import type { Rotation } from "./ribbon.ts";
import { colourOf, type DrawnChain, type DrawnStructure, type Point } from "./structure.ts";

/** Chains in WebGL, by 3Dmol.js, which comes with the first viewer. */

const load = () => import("3dmol/build/3Dmol.es6-min.js");

const turned = (r: Rotation, [x, y, z]: Point): Point => r.map((row) => row[0] * x + row[1] * y + row[2] * z) as unknown as Point;

/** A chain as the library reads it: from atoms that were checked, residues numbered from 1, as they are seen. */
function pdbOf({ residues }: DrawnChain, view: Rotation): string {
  const right = (text: string | number, width: number): string => String(text).padStart(width);
  let serial = 0;
  const lines = residues.flatMap(({ name, atoms }, i) =>
    atoms.map((atom) => {
      const place = turned(view, atom.at).map((x) => right(x.toFixed(3), 8));
      const label = atom.name.length < 4 ? ` ${atom.name.padEnd(3)}` : atom.name;
      const element = /[A-Z]/.exec(atom.name)?.[0] ?? "C";
      return `ATOM  ${right(++serial % 100_000, 5)} ${label} ${right(name, 3)} A${right(i + 1, 4)}    ${place.join("")}  1.00  0.00${right(element, 12)}`;
    }),
  );
  return `${lines.join("\n")}\nEND\n`;
}

/** What CSS calls colours, as numbers; for as long as it takes to show something. */
function colours(element: HTMLElement): { readonly numberOf: (colour: string) => number; readonly done: () => void } {
  const probe = element.appendChild(document.createElement("span"));
  probe.style.display = "none";
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const known = new Map<string, number>();
  const numberOf = (colour: string): number => {
    const found = known.get(colour);
    if (found !== undefined) return found;
    probe.style.color = colour;
    // A canvas understands every notation that computed styles come in.
    canvas.fillStyle = getComputedStyle(probe).color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data as unknown as [number, number, number];
    const number = (r << 16) | (g << 8) | b;
    known.set(colour, number);
    return number;
  };
  return { numberOf, done: () => probe.remove() };
}

/** (x, y, z, w) of a rotation. */
function quaternionOf(r: Rotation): [number, number, number, number] {
  // Of the four ways the one whose root is largest.
  const squares = [
    1 + r[0]![0] - r[1]![1] - r[2]![2],
    1 - r[0]![0] + r[1]![1] - r[2]![2],
    1 - r[0]![0] - r[1]![1] + r[2]![2],
    1 + r[0]![0] + r[1]![1] + r[2]![2],
  ] as const;
  const largest = squares.indexOf(Math.max(...squares));
  const [xy, xz, yz] = [r[0]![1] + r[1]![0], r[0]![2] + r[2]![0], r[1]![2] + r[2]![1]];
  const [wx, wy, wz] = [r[2]![1] - r[1]![2], r[0]![2] - r[2]![0], r[1]![0] - r[0]![1]];
  const rows = [
    [squares[0], xy, xz, wx],
    [xy, squares[1], yz, wy],
    [xz, yz, squares[2], wz],
    [wx, wy, wz, squares[3]],
  ];
  const length = 2 * Math.sqrt(squares[largest]!);
  return rows[largest]!.map((q) => q / length) as [number, number, number, number];
}

export class Viewer {
  private readonly viewer: GLViewer;
  private readonly element: HTMLElement;
  private shown: DrawnStructure | null = null;
  private view: Rotation | null = null;

  private constructor(viewer: GLViewer, element: HTMLElement) {
    this.viewer = viewer;
    this.element = element;
  }

  /** Fails where there is no WebGL. */
  static async open(element: HTMLElement): Promise<Viewer> {
    const { createViewer } = await load();
    // Our own events turn it: the library's would keep the wheel from scrolling the page.
    const viewer = createViewer(element, { nomouse: true, antialias: true, cartoonQuality: 8, disableFog: false });
    if (!viewer) throw new Error("WebGL is not available");
    return new Viewer(viewer, element);
  }

  /** Shows chains as seen after a rotation, in the page's present colours; what the reader has turned stays turned. */
  show(structure: DrawnStructure, view: Rotation): void {
    const { viewer } = this;
    const { numberOf: colour, done } = colours(this.element);
    const first = this.view !== view;
    const moved = first || this.shown !== structure;
    this.shown = structure;
    this.view = view;
    viewer.setBackgroundColor(colour("var(--paper)"), 1);
    viewer.removeAllShapes();
    viewer.removeAllModels();
    for (const chain of structure.chains) {
      const model = viewer.addModel(pdbOf(chain, view), "pdb");
      const colorfunc = ({ resi }: { readonly resi: number }): number => colour(colourOf(chain, resi - 1));
      const sticks = structure.sticks ? { stick: { radius: 0.16, colorscheme: "default" }, sphere: { radius: 0.32 } } : {};
      model.setStyle(
        {},
        { cartoon: { colorfunc, arrows: true, thickness: 0.5, ...(structure.sticks ? { opacity: 0.45 } : {}) }, ...sticks },
      );
    }
    const [chain] = structure.chains;
    const place = (residue: number) => {
      const alpha = chain!.residues[residue]?.alpha;
      if (!alpha) return null;
      const [x, y, z] = turned(view, alpha);
      return { x, y, z };
    };
    for (const residue of structure.marked) {
      const center = place(residue);
      if (center) viewer.addSphere({ center, radius: 1.1, color: colour("var(--ink)") });
    }
    for (const { from, to, weight } of structure.links) {
      const [start, end] = [place(from), place(to)];
      if (start && end) viewer.addCylinder({ start, end, radius: 0.08 + 0.3 * weight, color: colour("var(--model)"), dashed: true });
    }
    if (moved) this.fit();
    viewer.render();
    done();
  }

  /** Near enough to see the whole. */
  fit(): void {
    this.viewer.zoomTo();
    // The library leaves room for a ball around it; what is wider than high needs less.
    const { clientWidth, clientHeight } = this.element;
    this.viewer.zoom(Math.min(1.35, Math.max(1, clientWidth / Math.max(1, clientHeight))));
  }

  /** Turned by what the reader did since. */
  orient(rotation: Rotation): void {
    const [x, y, z, depth] = this.viewer.getView();
    this.viewer.setView([x!, y!, z!, depth!, ...quaternionOf(rotation)]);
  }

  zoom(factor: number): void {
    this.viewer.zoom(factor);
  }

  /** The residue of the first chain whose CA is nearest to a place in the page, if it is near. */
  residueAt(x: number, y: number): number | null {
    const { shown, view } = this;
    if (!shown || !view) return null;
    const known = shown.chains[0]!.residues.flatMap(({ alpha }, i) => (alpha ? [{ i, at: turned(view, alpha) }] : []));
    const places = this.viewer.modelToScreen(known.map(({ at }) => ({ x: at[0], y: at[1], z: at[2] })));
    let [best, distance] = [-1, 24];
    places.forEach((p: { readonly x: number; readonly y: number }, k: number) => {
      const far = Math.hypot(p.x - x, p.y - y);
      if (far < distance) [best, distance] = [known[k]!.i, far];
    });
    return best < 0 ? null : best;
  }

  close(): void {
    this.viewer.getCanvas()?.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
    this.element.replaceChildren();
  }
}
