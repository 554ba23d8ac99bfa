import type { ShownOutput } from "./outputs/drawn.ts";

/** A line of the reference's table of contents. */
export interface ReferenceSummary {
  readonly package: string;
  readonly slug: string;
  readonly title: string;
  readonly entries: readonly {
    readonly id: string;
    readonly name: string;
    readonly kind: ReferenceEntry["kind"];
    readonly summary: string;
  }[];
}

/** A page of the reference. Text is HTML. */
export interface ReferencePage<Example = ReferenceExample> {
  readonly package: string;
  /** What its names are imported from: "systems/resnet" of @gradus/systems/resnet. */
  readonly module: string;
  readonly slug: string;
  readonly title: string;
  readonly entries: readonly ReferenceEntry<Example>[];
}

export interface ReferenceEntry<Example = ReferenceExample> extends Documented {
  /** The anchor on its page. */
  readonly id: string;
  /** As it is imported, or `losses.meanSquaredError` for what a namespace holds. */
  readonly name: string;
  readonly kind: "function" | "class" | "type" | "value" | "namespace";
  readonly members: readonly (Documented & { readonly name: string })[];
  readonly examples: readonly Example[];
  /** Where it is written: "packages/tensor/src/ops/searching.ts". */
  readonly source: string;
}

interface Documented {
  /** TypeScript, a line for each overload, coloured and with its types linked. */
  readonly signatures: readonly string[];
  readonly doc: string;
  readonly parameters: readonly Parameter[];
}

export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly doc: string;
  readonly optional: boolean;
}

export interface ReferenceExample {
  readonly id: string;
  readonly source: string;
  readonly html: string;
  readonly first: readonly ShownOutput[];
}
