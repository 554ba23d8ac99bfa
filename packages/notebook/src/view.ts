import type { Content } from "./output.ts";
import { type Stage, stage } from "./stage.ts";

/** Content, now or (where it must first come from a GPU, or be packed) soon. */
export type Coming = Content | Promise<Content>;

/** Updates closer together than this are left out, but for the last, in ms. */
const shortest = 50;

const open = new Set<View>();
let count = 0;

/** One output of a cell, which can be shown anew: `view.update(...)` changes it in place. */
export class View {
  private readonly id: string;
  private readonly stage: Stage;
  private last = Number.NEGATIVE_INFINITY;
  private waiting: (() => Coming) | null = null;
  private sending: Promise<void> = Promise.resolve();

  constructor(content: () => Coming, id = `v${++count}`) {
    this.id = id;
    this.stage = stage();
    open.add(this);
    this.send(content);
  }

  /** Shows something else in this place; called often, it leaves some out, but never the last. */
  protected replace(content: () => Coming): void {
    this.stage.check();
    if (performance.now() - this.last < shortest) this.waiting = content;
    else this.send(content);
  }

  private send(content: () => Coming): void {
    this.waiting = null;
    this.last = performance.now();
    const coming = content();
    const emit = (c: Content) => this.stage.emit({ id: this.id, content: c });
    if (coming instanceof Promise) {
      const after = this.sending;
      this.sending = coming.then(async (c) => {
        await after;
        emit(c);
      });
      this.sending.catch(() => {}); // `settle` tells
    } else emit(coming);
  }

  /** @internal Shows what was left out; resolves when all is shown. */
  async settle(): Promise<void> {
    if (this.waiting) this.send(this.waiting);
    await this.sending;
  }
}

/** Ends a cell: whatever its views still hold is shown. Throws what showing it threw. */
export async function settleViews(): Promise<void> {
  const views = [...open];
  open.clear();
  const outcomes = await Promise.allSettled(views.map((v) => v.settle()));
  const failed = outcomes.find((o) => o.status === "rejected");
  if (failed) throw failed.reason;
}

/** Forgets the views of a cell that failed or was stopped. */
export function dropViews(): void {
  open.clear();
}

/** Cells' outputs are numbered from 0 again: a cell that runs again finds its places. */
export function restartNumbers(): void {
  count = 0;
}
