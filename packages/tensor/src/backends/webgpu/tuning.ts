import type { ContractionKernel, Slot } from "../../compile/kernel.ts";
import { type Cut, fits, isFlat, likelyCuts, sizesOf, tiles } from "./contraction.ts";
import type { Traits } from "./shader.ts";
import { loadRecord, saveRecord } from "./tuning-store.ts";

/** Cuts of a product that are tried. */
const candidates = 4;
/** Operations from which on trying pays, and memory beyond which it is left out. */
const worthTrying = 2 ** 28;
const mostBytes = 2 ** 30;

/** Measures one cut of a product: milliseconds. */
export type Measure = (kernel: ContractionKernel, cut: Cut) => Promise<number>;

/**
 * Which cut each product runs fastest with on this GPU, found by trying the likeliest, and kept for later sessions. What
 * it has not tried runs with the likeliest.
 */
export class Tuner {
  private readonly traits: Traits;
  private readonly device: string;
  private readonly measure: Measure | null;
  private readonly known = new Map<string, Cut>();
  private readonly trying = new Map<string, Promise<void>>();

  /** Without `measure` nothing is tried. */
  constructor(device: string, traits: Traits, measure: Measure | null) {
    this.device = device;
    this.traits = traits;
    this.measure = measure;
  }

  /** Takes over what earlier sessions found. */
  async load(): Promise<void> {
    if (!this.measure) return;
    const record = await loadRecord();
    for (const [key, value] of Object.entries(record)) {
      const cut = this.asCut(value);
      if (cut) this.known.set(key, cut);
    }
  }

  /** What a record holds, if it is a cut that this device can do. */
  private asCut(value: unknown): Cut | null {
    if (!Array.isArray(value) || value.length !== 2) return null;
    const [index, splits] = value as [unknown, unknown];
    const tile = tiles[index as number];
    if (!tile || !fits(tile, this.traits) || !Number.isInteger(splits) || !((splits as number) >= 1 && (splits as number) <= 64))
      return null;
    return { tile, splits: splits as number };
  }

  private key(kernel: ContractionKernel): string {
    const { batch, rows, columns, inner } = sizesOf(kernel);
    const dense = (strides: readonly number[]) => (strides.at(-1) === 1 ? "1" : "n");
    const layout = `${dense(kernel.a.inner)}${dense(kernel.a.free)}${dense(kernel.b.inner)}${dense(kernel.b.free)}`;
    const windows = kernel.rows.length + kernel.inner.length > 2 ? "w" : "";
    return `${this.device} ${tiles.length} ${kernel.dtype} ${batch} ${rows} ${columns} ${inner} ${layout}${windows}`;
  }

  cut(kernel: ContractionKernel): Cut {
    return this.known.get(this.key(kernel)) ?? likelyCuts(kernel, this.traits)[0]!;
  }

  private isWorth(kernel: ContractionKernel): boolean {
    const { batch, rows, columns, inner } = sizesOf(kernel);
    const bytes = [kernel.a.slot, kernel.b.slot, kernel.out].reduce((n, s: Slot) => n + s.bytes, 0);
    return !isFlat(kernel) && 2 * batch * rows * columns * inner >= worthTrying && bytes <= mostBytes;
  }

  /** Tries what is worth it and not known yet; null where there is nothing to wait for. */
  tune(kernels: readonly ContractionKernel[]): Promise<void> | null {
    const { measure } = this;
    if (!measure) return null;
    const open = new Map(kernels.filter((k) => this.isWorth(k) && !this.known.has(this.key(k))).map((k) => [this.key(k), k]));
    if (!open.size) return null;
    const all = [...open].map(([key, kernel]) => {
      const running = this.trying.get(key);
      if (running) return running;
      const trial = this.try(key, kernel, measure).finally(() => this.trying.delete(key));
      this.trying.set(key, trial);
      return trial;
    });
    return Promise.all(all).then(() => {});
  }

  private async try(key: string, kernel: ContractionKernel, measure: Measure): Promise<void> {
    const { epilogue: _, ...plain } = kernel;
    let best: { cut: Cut; ms: number } | null = null;
    for (const cut of likelyCuts(plain, this.traits).slice(0, candidates)) {
      const ms = await measure(plain, cut);
      if (!best || ms < best.ms) best = { cut, ms };
    }
    this.known.set(key, best!.cut);
    await saveRecord(key, [tiles.indexOf(best!.cut.tile), best!.cut.splits]);
  }
}
