import { archiveFiles, readText } from "@gradus/data";
import { ArgumentError, FormatError, GradusError } from "@gradus/tensor";
import { parseJson } from "@gradus/tensor/json";
import { readA3m } from "./io/a3m.ts";
import type { Alignment } from "./io/alignment.ts";
import { readStructure } from "./io/read-structure.ts";
import { checkSequence } from "./io/sequence.ts";
import type { Structure } from "./io/structure.ts";

export interface NetworkOptions {
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Gives up when it is aborted. */
  readonly signal?: AbortSignal;
  /** Seconds that one request may take. Default 60. */
  readonly requestSeconds?: number;
  /** Refuses answers of more bytes. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Seconds to wait before asking again. Default 5; half a minute at most, and what a server asks for. */
  readonly waitSeconds?: number;
}

export interface FetchStructureOptions extends NetworkOptions {
  /** Where entries lie, with {id} for their name. Default the files of the RCSB Protein Data Bank. */
  readonly url?: string;
}

/**
 * A structure by its PDB id, such as "2RBG", from the network. ArgumentError, in a sentence, for an id that is none, an entry that is not there,
 * and where the network cannot be reached; FormatError for an answer that is no structure.
 */
export async function fetchStructure(
  id: string,
  { url = "https://files.rcsb.org/download/{id}.cif.gz", ...options }: FetchStructureOptions = {},
): Promise<Structure> {
  const operation = "fetchStructure";
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(id))
    throw new ArgumentError(operation, `${JSON.stringify(id.slice(0, 40))} is no id of an entry`, "PDB ids look like 2RBG");
  if (!url.includes("{id}")) throw new ArgumentError(operation, `the address ${url} has no {id} in it`);
  const client = new Client(operation, `Give the entry's file instead: ${id}.cif from a place where you have it`, options);
  const address = url.replaceAll("{id}", id);
  const response = await client.request(address);
  if (response.status === 404) throw new ArgumentError(operation, `there is no entry ${id} at ${hostOf(address)}`, "Look the id up");
  return readStructure(await client.bytes(response));
}

export interface FetchAlignmentOptions extends NetworkOptions {
  /** Address of a server that speaks ColabFold's protocol. The sequence is sent to it. */
  readonly url: string;
  /** "env" searches metagenomes as well, "all" UniRef alone. Default "env". */
  readonly mode?: "env" | "all";
  /** Seconds until it gives up. Default 1800. */
  readonly timeoutSeconds?: number;
  /** Told of what the server says: "PENDING", "RUNNING", ... */
  readonly onStatus?: (status: string) => void;
}

/**
 * Alignments of a sequence from a ColabFold-style server (Mirdita et al. 2022): hands the sequence in, asks until the search has ended, and
 * reads what was found, UniRef first. Never returns the sequence alone: where no relatives were found it throws ArgumentError, as for a server
 * that cannot be reached, refuses, or takes too long; FormatError for answers that are no alignment.
 */
export async function fetchAlignment(sequence: string, options: FetchAlignmentOptions): Promise<Alignment[]> {
  const operation = "fetchAlignment";
  const { url, mode = "env", timeoutSeconds = 1800, onStatus = () => {} } = options;
  const query = checkSequence(sequence, operation);
  const base = url.replace(/\/+$/, "");
  const instead = "Give an alignment as a file (A3M or Stockholm) instead, or choose to predict from the single sequence";
  const client = new Client(operation, instead, options);
  const deadline = Date.now() + timeoutSeconds * 1000;
  const fail = (problem: string): never => {
    throw new ArgumentError(operation, `${hostOf(base)} ${problem}`, instead);
  };
  /** Waits, but not beyond the deadline. */
  const wait = async (status: string, round: number, seconds?: number): Promise<void> => {
    onStatus(status);
    if (Date.now() >= deadline) fail(`has not finished within ${timeoutSeconds} seconds (it says ${status})`);
    await client.pause(round, seconds);
  };

  let ticket: Ticket | undefined;
  for (let round = 0; !ticket; round++) {
    const body = new URLSearchParams({ q: `>101\n${query}\n`, mode });
    const answer = await ticketOf(client, await client.request(`${base}/ticket/msa`, { method: "POST", body }));
    if (["RATELIMIT", "UNKNOWN"].includes(answer.status)) await wait(answer.status, round, answer.retryAfter);
    else ticket = answer;
  }
  for (let round = 0; ticket.status !== "COMPLETE"; round++) {
    if (ticket.status === "ERROR") fail("could not search for this sequence");
    if (ticket.status === "MAINTENANCE") fail("is under maintenance");
    if (!["PENDING", "RUNNING", "UNKNOWN", "RATELIMIT"].includes(ticket.status))
      fail(`answers with the status ${JSON.stringify(ticket.status.slice(0, 40))}`);
    if (!/^[\w.-]{1,200}$/.test(ticket.id)) throw new FormatError(operation, `${hostOf(base)} gave no valid ticket`, instead);
    await wait(ticket.status, round, ticket.retryAfter);
    const next = await ticketOf(client, await client.request(`${base}/ticket/${ticket.id}`));
    ticket = { ...next, id: ticket.id };
  }
  if (!/^[\w.-]{1,200}$/.test(ticket.id)) throw new FormatError(operation, `${hostOf(base)} gave no valid ticket`, instead);
  onStatus("COMPLETE");
  const response = await client.request(`${base}/result/download/${ticket.id}`);
  if (response.status === 404) fail("does not have the result that it announced");
  const found = await alignmentsIn(await client.bytes(response), query, options.maxBytes);
  if (!found.some(({ rows }) => rows.length > 1)) fail("has found no relatives of this sequence");
  return found;
}

/** The alignments of an archive, UniRef's first. */
async function alignmentsIn(archive: Uint8Array, query: string, maxBytes = 2 ** 28): Promise<Alignment[]> {
  const files = (await archiveFiles(archive, { maxBytes })).filter(({ name }) => name.endsWith(".a3m"));
  if (!files.length) throw new FormatError("fetchAlignment", "the result holds no alignment (.a3m)");
  const rank = (name: string): number => +!/(^|\/)uniref/.test(name);
  files.sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
  const alignments: Alignment[] = [];
  // Empty files stand for searches that found nothing.
  for (const file of files) {
    const text = await readText(await file.read(), { maxBytes });
    if (text.replaceAll("\0", "").trim()) alignments.push(readA3m(text, query));
  }
  return alignments;
}

interface Ticket {
  readonly id: string;
  readonly status: string;
  /** Seconds that the server asks to wait. */
  readonly retryAfter?: number | undefined;
}

async function ticketOf(client: Client, response: Response): Promise<Ticket> {
  if (response.status === 429) {
    await response.body?.cancel();
    return { id: "", status: "RATELIMIT", retryAfter: Number(response.headers.get("retry-after")) || undefined };
  }
  if (response.status === 404)
    client.fail(`${hostOf(response.url)} knows nothing of ${new URL(response.url).pathname}: it may be no server of alignments`);
  const text = new TextDecoder().decode(await client.bytes(response, 2 ** 16));
  const { id = "", status } = (parseJson(text) ?? {}) as { id?: unknown; status?: unknown };
  if (typeof status !== "string" || typeof id !== "string")
    throw new FormatError(
      client.operation,
      `${hostOf(response.url)} answered ${JSON.stringify(text.slice(0, 60))}, no ticket`,
      client.instead,
    );
  return { id, status };
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : JSON.stringify(url));

const mostTries = 4;

/** Asks servers, again where they are busy, and says in a sentence what is wrong. */
class Client {
  readonly operation: string;
  /** What the user can do where the network does not help. */
  readonly instead: string;
  private readonly options: NetworkOptions;

  constructor(operation: string, instead: string, options: NetworkOptions) {
    this.operation = operation;
    this.instead = instead;
    this.options = options;
  }

  /** The answer to a request: a good one, or one of the statuses 404 and 429, which mean different things in different places. */
  async request(url: string, init: RequestInit = {}): Promise<Response> {
    const { fetch: fetcher = fetch, signal, requestSeconds = 60 } = this.options;
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) this.fail(`${JSON.stringify(url)} is no address`);
    // Servers like to know who asks; browsers say it themselves.
    const headers: HeadersInit = globalThis.process?.versions?.node ? { "User-Agent": "gradus" } : {};
    for (let round = 0; ; round++) {
      const timeout = AbortSignal.timeout(requestSeconds * 1000);
      let response: Response;
      try {
        response = await fetcher(url, { ...init, headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (isBroken(error) && round + 1 < mostTries) {
          await this.pause(round);
          continue;
        }
        return this.fail(`${hostOf(url)} cannot be reached (${reasonOf(error)})`);
      }
      if (response.ok || response.status === 404 || (response.status === 429 && init.method === "POST")) return response;
      await response.body?.cancel();
      if ((response.status !== 429 && response.status < 500) || round + 1 >= mostTries)
        this.fail(`${hostOf(url)} answers ${response.status}${response.statusText ? ` ${response.statusText}` : ""}`);
      await this.pause(round, Number(response.headers.get("retry-after")) || undefined);
    }
  }

  /** The body of an answer. */
  async bytes(response: Response, maxBytes = this.options.maxBytes ?? 2 ** 28): Promise<Uint8Array> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    const reader = response.body?.getReader();
    try {
      for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
        size += chunk.value.length;
        if (size > maxBytes) {
          await reader!.cancel();
          this.fail(`${hostOf(response.url)} sends more than ${maxBytes} bytes`);
        }
        parts.push(chunk.value as Uint8Array<ArrayBuffer>);
      }
    } catch (error) {
      if (error instanceof GradusError) throw error;
      if (this.options.signal?.aborted) throw this.options.signal.reason;
      this.fail(`the answer of ${hostOf(response.url)} broke off (${reasonOf(error)})`);
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }

  /** Waits: longer from round to round, or as long as a server asks, but never more than half a minute. */
  async pause(round: number, seconds?: number): Promise<void> {
    const { signal, waitSeconds = 5 } = this.options;
    const wait = Math.min(30, seconds ?? waitSeconds * 1.5 ** Math.min(round, 10));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(done, wait * 1000);
      function done(): void {
        signal?.removeEventListener("abort", done);
        clearTimeout(timer);
        if (signal?.aborted) reject(signal.reason);
        else resolve();
      }
      signal?.addEventListener("abort", done);
      if (signal?.aborted) done();
    });
  }

  fail(problem: string): never {
    throw new ArgumentError(this.operation, problem, this.instead);
  }
}

/** Whether a connection that stood was lost, as servers close those that are idle: the next may stand. */
function isBroken(error: unknown): boolean {
  const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? "";
  return ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes(code);
}

/** "getaddrinfo ENOTFOUND ...", where fetch itself says no more than that it failed. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  if (name === "TimeoutError") return "no answer in time";
  const { message: inner, code } = (cause ?? {}) as { message?: string; code?: string };
  return inner || code || message || String(error);
}
