/**
 * What a cell can show. Everything is plain data, so that it passes between threads, into files, and through the checks of a page
 * that does not trust the cell.
 */

/** One thing shown below a cell. A later one with the same id takes its place. */
export interface Output {
  readonly id: string;
  readonly content: Content;
}

export type Content =
  | TextContent
  | ValueContent
  | TableContent
  | PlotContent
  | ImagesContent
  | InputContent
  | ProgressContent
  | MarkdownContent
  | GridContent
  | CustomContent;

/** Lines written with console.log and its like. */
export interface TextContent {
  readonly kind: "text";
  readonly text: string;
  readonly level: "log" | "warn" | "error";
}

/** A value as text, with what it is: "float32 [2, 3]". */
export interface ValueContent {
  readonly kind: "value";
  readonly text: string;
  readonly type?: string;
}

export interface TableContent {
  readonly kind: "table";
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  /** The first rows, as text. */
  readonly rows: readonly (readonly string[])[];
  /** Rows that there are. */
  readonly total: number;
}

export interface PlotContent {
  readonly kind: "plot";
  readonly marks: readonly PlottedMark[];
  readonly options: PlotOptions;
}

export interface Axis {
  readonly label?: string;
  readonly domain?: readonly [number, number];
  readonly log?: boolean;
}

export interface PlotOptions {
  readonly title?: string;
  readonly x?: Axis | string;
  readonly y?: Axis | string;
  readonly width?: number;
  readonly height?: number;
  /** One unit of x is as long as one of y. */
  readonly square?: boolean;
  /** Draw the axes. Default true; false for drawings whose numbers mean nothing. */
  readonly axes?: boolean;
  /** What the plot shows, in a sentence, for those who do not see it. */
  readonly alt?: string;
}

/** Colours that mean the same throughout the course, or a number for the n-th of a neutral row. */
export type Color = "data" | "model" | "truth" | "error" | "muted" | number;

interface MarkStyle {
  readonly color?: Color;
  /** Written next to the mark. */
  readonly label?: string;
}

/** Marks with their numbers. */
export type PlottedMark =
  | (MarkStyle & {
      readonly mark: "line";
      readonly x: readonly number[];
      readonly y: readonly number[];
      readonly width?: number;
      readonly dashed?: boolean;
      readonly arrows?: boolean;
    })
  | (MarkStyle & {
      readonly mark: "dots";
      readonly x: readonly number[];
      readonly y: readonly number[];
      readonly size?: number;
      /** A class or a number for each dot, shown as colour. */
      readonly groups?: readonly (number | string)[];
    })
  | (MarkStyle & {
      readonly mark: "area";
      readonly x: readonly number[];
      readonly low: readonly number[];
      readonly high: readonly number[];
    })
  | (MarkStyle & { readonly mark: "bars"; readonly names: readonly string[]; readonly values: readonly number[] })
  | (MarkStyle & { readonly mark: "histogram"; readonly edges: readonly number[]; readonly counts: readonly number[] })
  | (MarkStyle & GridValues & { readonly mark: "contour"; readonly levels: number; readonly filled: boolean })
  | (MarkStyle & GridValues & { readonly mark: "heatmap"; readonly range?: readonly [number, number]; readonly numbers: boolean })
  | (MarkStyle & { readonly mark: "boxes"; readonly boxes: readonly Box[] })
  | (MarkStyle & { readonly mark: "text"; readonly x: readonly number[]; readonly y: readonly number[]; readonly texts: readonly string[] })
  | (MarkStyle & { readonly mark: "rule"; readonly x?: number; readonly y?: number });

/** Values on a grid, row by row from the smallest y (heat maps: from the top). */
export interface GridValues {
  readonly values: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly rowNames?: readonly string[];
  readonly columnNames?: readonly string[];
}

/** A box plot's five numbers (whiskers reach at most 1.5 times the box; Tukey 1977) and what lies beyond. */
export interface Box {
  readonly name: string;
  readonly low: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly high: number;
  readonly outliers: readonly number[];
}

export interface ImagesContent {
  readonly kind: "images";
  readonly images: readonly { readonly png: string; readonly width: number; readonly height: number; readonly label?: string }[];
  /** Screen pixels a pixel. */
  readonly scale: number;
  readonly alt: string;
}

/** A control. A change runs the cell again, and what depends on it. */
export interface InputContent {
  readonly kind: "input";
  readonly label: string;
  readonly input:
    | { readonly type: "slider"; readonly min: number; readonly max: number; readonly step: number; readonly log: boolean }
    | { readonly type: "select"; readonly options: readonly string[] }
    | { readonly type: "toggle" }
    | { readonly type: "text"; readonly maxLength: number; readonly lines?: number }
    | { readonly type: "button" }
    | { readonly type: "point"; readonly x: readonly [number, number]; readonly y: readonly [number, number] }
    | { readonly type: "files"; readonly accept: string; readonly multiple: boolean; readonly folder: boolean };
  /** Of files, their names. */
  readonly value: number | string | boolean | readonly [number, number];
}

/** A file of the reader's, handed to a cell. */
export interface OpenedFile {
  /** With its folders, where a folder was opened: "cats/1.jpg". */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Data that JSON can say: what events of boards and the like carry. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [name: string]: PlainData };

/** What the reader has given a control, or a board; files come with their bytes. */
export type InputValue = PlainData | readonly OpenedFile[];

export interface ProgressContent {
  readonly kind: "progress";
  readonly label: string;
  readonly done: number;
  /** Null where nobody knows. */
  readonly total: number | null;
  readonly seconds: number;
  /** Measurements so far, as text. */
  readonly note?: string;
}

/** Markdown with mathematics, rendered without HTML. */
export interface MarkdownContent {
  readonly kind: "markdown";
  readonly text: string;
}

export interface GridContent {
  readonly kind: "grid";
  readonly columns: number;
  readonly cells: readonly { readonly label?: string; readonly content: Content }[];
}

/**
 * What another part of the site draws: boards, molecules. Pages that do not know the type show `alt`. What the reader does with it
 * becomes its value, and the cell runs again.
 */
export interface CustomContent {
  readonly kind: "custom";
  readonly type: string;
  /** Names it among the inputs of its cell. */
  readonly label: string;
  readonly data: unknown;
  readonly alt: string;
  /** The last event's; null where there was none. */
  readonly value: PlainData;
  /** Whether the cell listens: a page sends no events to one that does not. */
  readonly listens: boolean;
}

/** An error, and where in the cell it came from. Lines count from 1. */
export interface CellError {
  readonly name: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}
