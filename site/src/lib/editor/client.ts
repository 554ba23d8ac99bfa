import { asset } from "$app/paths";
import types from "../generated/types.json";
import type { Session } from "../notebook/session.svelte.ts";
import type { Language } from "./language.ts";
import type { Answer, Question } from "./language.worker.ts";

type Methods = Exclude<keyof Language, "update">;

/** The language service of a page, in a worker that starts when an editor is first used. */
export class LanguageClient {
  private readonly session: Session;
  private worker: Worker | null = null;
  private broken = false;
  private number = 0;
  private told = "";
  private readonly waiting = new Map<number, (value: unknown) => void>();

  constructor(session: Session) {
    this.session = session;
  }

  start(): void {
    if (this.worker || this.broken) return;
    const worker = new Worker(new URL("./language.worker.ts", import.meta.url), { type: "module", name: "types" });
    this.worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if ("failed" in data) this.fail(data.failed);
      else {
        this.waiting.get(data.number)?.(data.value);
        this.waiting.delete(data.number);
      }
    });
    worker.addEventListener("error", (event) => this.fail(event.message || "the worker does not start"));
    this.post({ type: "start", url: new URL((asset as (path: string) => string)(`generated/${types.file}`), location.href).href });
  }

  /** What the language says, or null where it does not work here: editing goes on without it. */
  async ask<M extends Methods>(method: M, ...given: Parameters<Language[M]>): Promise<ReturnType<Language[M]> | null> {
    this.start();
    if (!this.worker) return null;
    const cells = this.session.order.map((id) => ({ id, source: this.session.cell(id).source }));
    const now = JSON.stringify(cells);
    if (now !== this.told) {
      this.told = now;
      void this.send("update", [cells]);
    }
    return (await this.send(method, given)) as ReturnType<Language[M]> | null;
  }

  private send(method: keyof Language, given: readonly unknown[]): Promise<unknown> {
    const number = ++this.number;
    return new Promise((resolve) => {
      this.waiting.set(number, resolve);
      this.post({ type: "ask", number, method, arguments: given });
    });
  }

  private post(question: Question): void {
    this.worker?.postMessage(question);
  }

  private fail(message: string): void {
    console.warn(`Types are not shown: ${message}`);
    this.broken = true;
    this.worker?.terminate();
    this.worker = null;
    for (const resolve of this.waiting.values()) resolve(null);
    this.waiting.clear();
  }
}
