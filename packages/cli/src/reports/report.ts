import { drawPlot } from "@gradus/notebook/draw";
import type { PlotContent } from "@gradus/notebook/output";
import { parseHTML } from "linkedom";

export type Section =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "table"; readonly rows: readonly (readonly [name: string, value: string])[] }
  | { readonly kind: "verbatim"; readonly caption: string; readonly text: string }
  | { readonly kind: "links"; readonly caption: string; readonly links: readonly Link[] }
  | { readonly kind: "plot"; readonly caption: string; readonly plot: PlotContent }
  /** A drawing as SVG that we made ourselves: it stands in the page as it is. */
  | { readonly kind: "drawing"; readonly caption: string; readonly svg: string }
  | { readonly kind: "rows"; readonly caption: string; readonly rows: readonly PictureRow[] }
  | { readonly kind: "pictures"; readonly caption: string; readonly pictures: readonly Picture[] };

/** A file that lies beside the page. */
export interface Link {
  readonly path: string;
  readonly text: string;
}

/** A small picture, the text below it, and whether that is right. */
export interface Picture {
  readonly source: string;
  readonly text: string;
  readonly right: boolean;
}

/** Small pictures side by side as one, and the text above them. */
export interface PictureRow {
  readonly source: string;
  readonly columns: number;
  readonly text: string;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1c1d21, #e9e6df); --paper: light-dark(#fdfcf9, #17181b); --quiet: light-dark(#5c5f66, #a5a8ae);
  --hair: light-dark(#d9d6cd, #3a3c41); --data: light-dark(#3465a4, #7fb0e8); --model: light-dark(#c4500c, #f0975a); --truth: light-dark(#2c7a4b, #6cc592);
  --error: light-dark(#b3261e, #f2867d); --muted: light-dark(#8a8d93, #84878d); --s0: var(--data); --s1: var(--model); --s2: var(--truth); --s3: var(--error) }
body { background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.2 } figure { margin: 2rem 0 } figcaption { color: var(--quiet); font-size: 0.92rem }
pre { white-space: pre-wrap; font-size: 0.85rem; line-height: 1.45; padding-left: 1rem; border-left: 2px solid var(--hair) }
table { border-collapse: collapse } td { padding: 0.2rem 1.2rem 0.2rem 0; border-top: 1px solid var(--hair); vertical-align: top } td:first-child { color: var(--quiet) }
svg.plot { max-width: 100%; height: auto; background: none; color: inherit; overflow: visible } svg.plot text { fill: currentColor }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; padding: 0; list-style: none; font-size: 0.85rem; line-height: 1.3 }
.pictures img { width: 100%; image-rendering: pixelated; border-radius: 4px; display: block; margin-bottom: 0.4rem } .pictures .wrong { color: var(--error) }
.rows p { margin: 0.9rem 0 0.3rem; font-size: 0.85rem; color: var(--quiet) } .rows img { image-rendering: pixelated; display: block }`;

/**
 * A page of its own, without anything to load: a heading, then text, tables, samples and plots. A page of a run that goes on is loaded
 * again every so many seconds.
 */
export function report(title: string, sections: readonly Section[], reload?: number): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const body = sections.map((section) => {
    if (section.kind === "text") return `<p>${escaped(section.text)}</p>`;
    if (section.kind === "table")
      return `<table>${section.rows.map(([name, value]) => `<tr><td>${escaped(name)}</td><td>${escaped(value)}</td></tr>`).join("")}</table>`;
    if (section.kind === "verbatim")
      return `<figure><pre>${escaped(section.text)}</pre><figcaption>${escaped(section.caption)}</figcaption></figure>`;
    if (section.kind === "links") {
      const items = section.links.map(
        ({ path, text }) => `<li><a href="${escaped(path)}" download>${escaped(path)}</a> ${escaped(text)}</li>`,
      );
      return `<figure><ul>${items.join("")}</ul><figcaption>${escaped(section.caption)}</figcaption></figure>`;
    }
    if (section.kind === "drawing") return `<figure>${section.svg}<figcaption>${escaped(section.caption)}</figcaption></figure>`;
    if (section.kind === "rows") {
      const items = section.rows.map(
        ({ text, source, columns }) =>
          `${text ? `<p>${escaped(text)}</p>` : ""}<img src="${source}" alt="${escaped(text)}" style="width: min(100%, ${4.4 * columns}rem)">`,
      );
      return `<figure class="rows">${items.join("")}<figcaption>${escaped(section.caption)}</figcaption></figure>`;
    }
    if (section.kind === "pictures") {
      const items = section.pictures.map(
        ({ source, text, right }) =>
          `<li${right ? "" : ' class="wrong"'}><img src="${source}" alt="">${right ? "✓" : "✗"} ${escaped(text)}</li>`,
      );
      return `<figure><ul class="pictures">${items.join("")}</ul><figcaption>${escaped(section.caption)}</figcaption></figure>`;
    }
    const svg = drawPlot(section.plot, 720, document as unknown as Document).outerHTML;
    return `<figure>${svg}<figcaption>${escaped(section.caption)}</figcaption></figure>`;
  });
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${reload ? `<meta http-equiv="refresh" content="${reload}">` : ""}<title>${escaped(title)}</title><style>${style}</style></head>\n<body><h1>${escaped(title)}</h1>\n${body.join("\n")}\n</body></html>\n`;
}
