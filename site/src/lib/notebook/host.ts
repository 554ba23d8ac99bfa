import type { CheckSource, Reply, Request } from "@gradus/notebook/protocol";
import { asset } from "$app/paths";
import sandbox from "../generated/sandbox.json";
import { t } from "../i18n/index.ts";
import { keepForOffline } from "../offline.ts";

/** What a session hears from its kernel. */
export interface HostEvents {
  reply(reply: Reply): void;
  /** The worker is gone, with everything in it; without a message, because it was asked to stop. */
  broken(message: string | null): void;
}

/** How long a cell may go on after it was asked to stop, in ms; then its worker ends, and the variables with it. */
const patience = 1000;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** A part of the engine for cells. */
async function part(file: "kernel.js" | "chess.js"): Promise<Response> {
  const response = await fetch(`${asset(`sandbox/${file}`)}?v=${sandbox.version}`);
  if (!response.ok) throw new Error(t().cell.engineMissing(response.status));
  return response;
}

/** A module that is no part of the kernel. */
async function moduleCode(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const files = sandbox.modules as Readonly<Record<string, "chess.js">>;
  if (!Object.hasOwn(files, name)) throw new Error(t().cell.noFile(name));
  return (await part(files[name]!)).bytes();
}

/** The frame in which cells run: it has no origin, reaches nothing, and talks to this page by messages only. */
export class KernelHost {
  private readonly events: HostEvents;
  private readonly readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
  private frame: HTMLIFrameElement | null = null;
  private opening: Promise<void> | null = null;
  private port: MessagePort | null = null;
  /** Those who wait until the worker is ready. */
  private starting: Waiting | null = null;
  private listening: AbortController | null = null;
  private isolated = false;
  private killer: ReturnType<typeof setTimeout> | undefined;

  constructor(events: HostEvents, readFile: (name: string) => Promise<Uint8Array<ArrayBuffer>>) {
    this.events = events;
    this.readFile = readFile;
  }

  /** Loads the kernel at its first call; resolves when cells can run. */
  open(): Promise<void> {
    this.opening ??= this.load().catch((error: unknown) => {
      this.close();
      throw error;
    });
    return this.opening;
  }

  private async load(): Promise<void> {
    const code = part("kernel.js").then((response) => response.text());
    code.catch(() => {}); // told where it is awaited
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.setAttribute("allow", "cross-origin-isolated");
    frame.setAttribute("aria-hidden", "true");
    frame.tabIndex = -1;
    frame.title = t().cell.frame;
    frame.hidden = true;
    frame.src = `${asset("sandbox/frame.html")}?v=${sandbox.version}`;
    const listening = new AbortController();
    this.listening = listening;
    const loaded = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(t().cell.frameMissing)), 30_000);
      const hear = ({ source, data }: MessageEvent): void => {
        if (source !== frame.contentWindow) return;
        if (data?.type === "frame") {
          clearTimeout(timer);
          this.isolated = data.isolated === true;
          resolve();
        } else if (data?.type === "broken") this.breakDown(String(data.message ?? t().cell.engineFails).slice(0, 500));
      };
      addEventListener("message", hear, { signal: listening.signal });
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

  /** By way of the frame, as the wish to stop goes, so that each is heard in the order in which they were sent. */
  private request(request: Request, transfer: Transferable[] = []): void {
    this.post({ type: "request", request }, transfer);
  }

  /** A new worker in the place of the one that was there; whoever waits for that one waits for this. */
  private start(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    this.port?.close();
    this.port = port1;
    return new Promise((resolve, reject) => {
      const before = this.starting;
      this.starting = {
        resolve() {
          before?.resolve();
          resolve();
        },
        reject(error) {
          before?.reject(error);
          reject(error);
        },
      };
      port1.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (port1 !== this.port || typeof data !== "object" || data === null) return;
        if (data.type === "ready") this.settle((waiting) => waiting.resolve());
        else if (data.type === "file") void this.give(port1, data.number, this.readFile(String(data.name)));
        else if (data.type === "module") void this.give(port1, data.number, moduleCode(String(data.name)));
        else {
          if (data.type === "done" || data.type === "checked") clearTimeout(this.killer);
          this.events.reply(data);
        }
      };
      this.post({ type: "start" }, [port2]);
    });
  }

  private settle(how: (waiting: Waiting) => void): void {
    const waiting = this.starting;
    this.starting = null;
    if (waiting) how(waiting);
  }

  private async give(asked: MessagePort, number: number, wanted: Promise<Uint8Array<ArrayBuffer>>): Promise<void> {
    let reply: Extract<Request, { type: "file" }>;
    try {
      reply = { type: "file", number, bytes: await wanted };
    } catch (error) {
      reply = { type: "file", number, bytes: null, error: error instanceof Error ? error.message : String(error) };
    }
    // Another worker, started meanwhile, has asked for nothing.
    if (asked === this.port) this.request(reply, reply.bytes ? [reply.bytes.buffer] : []);
  }

  /** To be called once `open` has resolved. */
  run(cell: string, source: string, inputs: Extract<Request, { type: "run" }>["inputs"]): void {
    this.request({ type: "run", cell, source, inputs });
  }

  check(cell: string, checks: readonly CheckSource[]): void {
    this.request({ type: "check", cell, checks: checks.map(({ name, code, points }) => ({ name, code, points })) });
  }

  /** Asks what runs to stop; code that does not listen loses its worker. */
  stop(): void {
    this.post({ type: "stop" });
    clearTimeout(this.killer);
    this.killer = setTimeout(() => this.lose(null), this.isolated ? patience : 0);
  }

  /** A fresh kernel without variables; before the first one there is nothing to do. */
  async restart(): Promise<void> {
    clearTimeout(this.killer);
    if (this.port) await this.start();
  }

  /** An error nobody caught: before the kernel is ready there is no use in starting it again. */
  private breakDown(message: string): void {
    if (this.starting) this.settle((waiting) => waiting.reject(new Error(message)));
    else this.lose(message);
  }

  /** Ends the worker, whatever it does, and starts another. */
  lose(message: string | null): void {
    clearTimeout(this.killer);
    // One that does not start again is loaded anew by the next run.
    this.start().catch((error: Error) => {
      this.close();
      this.events.broken(error.message);
    });
    this.events.broken(message);
  }

  close(): void {
    clearTimeout(this.killer);
    this.listening?.abort();
    this.listening = null;
    this.port?.close();
    this.port = null;
    this.settle((waiting) => waiting.reject(new Error(t().cell.engineFails)));
    this.post({ type: "end" });
    this.frame?.remove();
    this.frame = null;
    this.opening = null;
  }
}
