import type { CheckSource, Reply, Request } from "@gradus/notebook/protocol";
import { asset } from "$app/paths";
import sandbox from "../generated/sandbox.json";
import { keepForOffline } from "../offline.ts";

/** What a session hears from its kernel. */
export interface HostEvents {
  reply(reply: Reply): void;
  /** The worker is gone, with everything in it. */
  broken(message: string): void;
}

/** How long a cell may go on after it was asked to stop, in ms; then its worker ends, and the variables with it. */
const patience = 1000;

/** The frame in which cells run: it has no origin, reaches nothing, and talks to this page by messages only. */
export class KernelHost {
  private readonly events: HostEvents;
  private readonly readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
  private frame: HTMLIFrameElement | null = null;
  private opening: Promise<void> | null = null;
  private port: MessagePort | null = null;
  private isolated = false;
  private killer: ReturnType<typeof setTimeout> | undefined;

  constructor(events: HostEvents, readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>) {
    this.events = events;
    this.readFile = readFile;
  }

  /** Loads the kernel at its first call; resolves when cells can run. */
  open(): Promise<void> {
    this.opening ??= this.load().catch((error: unknown) => {
      this.opening = null;
      this.frame?.remove();
      this.frame = null;
      throw error;
    });
    return this.opening;
  }

  private async load(): Promise<void> {
    const code = fetch(`${asset("sandbox/kernel.js")}?v=${sandbox.version}`).then((response) => {
      if (!response.ok) throw new Error(`The engine could not be loaded (${response.status}).`);
      return response.text();
    });
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.setAttribute("allow", "cross-origin-isolated");
    frame.setAttribute("aria-hidden", "true");
    frame.tabIndex = -1;
    frame.title = "cells";
    frame.hidden = true;
    frame.src = `${asset("sandbox/frame.html")}?v=${sandbox.version}`;
    const loaded = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The frame for cells did not load.")), 30_000);
      addEventListener("message", ({ source, data }) => {
        if (source !== frame.contentWindow) return;
        if (data?.type === "frame") {
          clearTimeout(timer);
          this.isolated = data.isolated === true;
          resolve();
        } else if (data?.type === "broken") this.breakDown(String(data.message ?? "The engine does not start here.").slice(0, 500));
      });
    });
    document.body.append(frame);
    this.frame = frame;
    await loaded;
    this.post({ type: "code", code: await code });
    await this.start();
    void keepForOffline(true);
  }

  private post(message: unknown, transfer: Transferable[] = []): void {
    this.frame?.contentWindow?.postMessage(message, "*", transfer);
  }

  private refuse: ((error: Error) => void) | null = null;

  private start(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    this.port?.close();
    this.port = port1;
    return new Promise((resolve, reject) => {
      this.refuse = reject;
      port1.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (port1 !== this.port || typeof data !== "object" || data === null) return;
        if (data.type === "ready") {
          this.refuse = null;
          resolve();
        }
        if (data.type === "file") void this.give(data.number, String(data.name));
        else {
          if (data.type === "done") clearTimeout(this.killer);
          this.events.reply(data);
        }
      };
      this.post({ type: "start" }, [port2]);
    });
  }

  private async give(number: number, name: string): Promise<void> {
    const port = this.port;
    try {
      const bytes = await this.readFile(name);
      port?.postMessage({ type: "file", number, bytes } satisfies Request, [bytes.buffer]);
    } catch (error) {
      port?.postMessage({
        type: "file",
        number,
        bytes: null,
        error: error instanceof Error ? error.message : String(error),
      } satisfies Request);
    }
  }

  async run(cell: string, source: string, inputs: Extract<Request, { type: "run" }>["inputs"]): Promise<void> {
    await this.open();
    this.post({ type: "go" });
    this.port?.postMessage({ type: "run", cell, source, inputs } satisfies Request);
  }

  check(cell: string, checks: readonly CheckSource[]): void {
    this.port?.postMessage({
      type: "check",
      cell,
      checks: checks.map(({ name, code, points }) => ({ name, code, points })),
    } satisfies Request);
  }

  /** Asks the running cell to stop; one that does not listen loses its worker. */
  stop(): void {
    this.post({ type: "stop" });
    clearTimeout(this.killer);
    this.killer = setTimeout(() => this.lose("stopped"), this.isolated ? patience : 0);
  }

  /** A fresh kernel without variables. */
  async restart(): Promise<void> {
    clearTimeout(this.killer);
    if (this.opening) await this.opening.then(() => this.start());
  }

  /** An error nobody caught: before the kernel is ready there is no use in starting it again. */
  private breakDown(message: string): void {
    if (this.refuse) this.refuse(new Error(message));
    else this.lose(message);
  }

  private lose(message: string): void {
    clearTimeout(this.killer);
    this.start().catch(() => {});
    this.events.broken(message);
  }

  close(): void {
    clearTimeout(this.killer);
    this.port?.close();
    this.post({ type: "end" });
    this.frame?.remove();
    this.frame = null;
    this.opening = null;
  }
}
