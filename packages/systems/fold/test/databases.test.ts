import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { FormatError, GradusError } from "@gradus/tensor";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fetchAlignment, fetchStructure, generateFolds, writeMmcif } from "../index.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** What the server answers in turn; the last answer again and again. */
let answers: Answer[] = [];
let asked: { method: string; url: string; body: string; agent: string | undefined }[] = [];
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    asked.push({ method: request.method!, url: request.url!, body, agent: request.headers["user-agent"] });
    // What was given up may still arrive when the next test has begun.
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer) answer(request, response, body);
    else request.socket.destroy();
  });
});
server.keepAliveTimeout = 60_000;
let url = "";
const folder = mkdtempSync(join(tmpdir(), "gradus-databases-"));
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  answers = [];
  asked = [];
});

const send =
  (body: string | Uint8Array, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const ticket = (status: string, id = "abc-1_2"): Answer => send(JSON.stringify({ id, status }));
const quick = { waitSeconds: 0.001 };

/** A packed tar archive of files. */
function archive(files: Record<string, string>): Uint8Array {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return new Uint8Array(execFileSync("tar", ["-czf", "-", ...Object.keys(files)], { cwd: folder }));
}

describe("structures", () => {
  const { chain } = generateFolds(1)[0]!;
  const text = writeMmcif({ id: "1ABC", method: null, resolution: null, date: null, chains: [chain] });
  const fetchIt = (id = "1ABC") => fetchStructure(id, { url: `${url}/files/{id}.cif.gz`, ...quick });

  test("come by their id, packed or not", async () => {
    for (const body of [gzipSync(text), text]) {
      answers = [send(body)];
      expect((await fetchIt()).chains[0]!.sequence).toBe(chain.sequence);
    }
    expect(asked[0]).toMatchObject({ method: "GET", url: "/files/1ABC.cif.gz", agent: "gradus" });
  });

  test("are asked for again where a server is busy, and given up at last", async () => {
    answers = [(request) => void request.socket.destroy(), send("", 503), send("", 429, { "retry-after": "0.001" }), send(text)];
    expect((await fetchIt()).id).toBe("1ABC");
    answers = [send("no", 502)];
    await expect(fetchIt()).rejects.toThrow(/127\.0\.0\.1:\d+ answers 502 Bad Gateway\. Give the entry's file instead/);
    expect(asked).toHaveLength(4 + 4);
  });

  test.each([
    ["an entry that is not there", [send("", 404)], /there is no entry 1ABC at 127\.0\.0\.1/],
    ["a refusal", [send("", 403)], "answers 403 Forbidden"],
    ["a page instead of a structure", [send("<html>sorry</html>")], "this is neither an mmCIF file nor a PDB file"],
    ["bytes that are no text", [send(Uint8Array.of(0x80, 0xff, 0))], "the bytes are not UTF-8"],
    ["a packed file that breaks off", [send(gzipSync(text).subarray(0, 100))], "gunzip"],
    [
      "an answer that breaks off",
      [((_, response) => void response.writeHead(200, { "content-length": "1000" }).write("data_", () => response.destroy())) as Answer],
      "broke off",
    ],
    ["a connection that breaks off", [((request) => void request.socket.destroy()) as Answer], "cannot be reached"],
  ])("say in a sentence that there is %s", async (_name, list, message) => {
    answers = list;
    const error = await fetchIt().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GradusError);
    expect((error as Error).message).toMatch(message);
  });

  test("are not asked for by what is no id or no address, nor for longer or more than allowed", async () => {
    for (const id of ["", "../x", "a b", "1ABC/..", "é"])
      await expect(fetchIt(id)).rejects.toThrow("is no id of an entry. PDB ids look like 2RBG");
    await expect(fetchStructure("1ABC", { url: "file:///{id}" })).rejects.toThrow('"file:///1ABC" is no address');
    await expect(fetchStructure("1ABC", { url })).rejects.toThrow("has no {id} in it");
    expect(asked).toHaveLength(0);
    answers = [send(text)];
    await expect(fetchStructure("1ABC", { url: `${url}/{id}`, maxBytes: 1000 })).rejects.toThrow("sends more than 1000 bytes");
    answers = [() => {}];
    await expect(fetchStructure("1ABC", { url: `${url}/{id}`, requestSeconds: 0.05 })).rejects.toThrow(
      "cannot be reached (no answer in time)",
    );
    const stop = AbortSignal.timeout(50);
    const error = await fetchStructure("1ABC", { url: `${url}/{id}`, signal: stop }).catch((e: unknown) => e);
    expect(error).toBe(stop.reason);
  });

  test("without a network say what to give instead", async () => {
    // A port where nobody listens, and a name that no network has.
    await expect(fetchStructure("2RBG", { url: "http://127.0.0.1:9/{id}", ...quick })).rejects.toThrow(
      /127\.0\.0\.1:9 cannot be reached \(.+\)\. Give the entry's file instead: 2RBG\.cif/,
    );
    await expect(fetchStructure("2RBG", { url: "http://nowhere.invalid/{id}", ...quick })).rejects.toThrow(
      "nowhere.invalid cannot be reached",
    );
  });
});

describe("alignments", () => {
  const query = "MKTAYIAKQR";
  const result = archive({
    "bfd.mgnify30.metaeuk30.smag30.a3m": `>101\n${query}\n>meta\nMKTaYYIAKQR\n\0`.replace("MKTaYYIAKQR", "MKTaAYIAKQK"),
    "uniref.a3m": `>101\n${query}\n>UniRef100_X\nMRTAYIAKQR\n\0`,
    "pdb70.m8": "101\t1abc_A\n",
  });
  const fetchIt = (options: object = {}) => fetchAlignment(query, { url: `${url}/`, ...quick, ...options });

  test("are handed in, waited for, and read, UniRef first", async () => {
    const statuses: string[] = [];
    answers = [ticket("PENDING"), ticket("RUNNING"), ticket("COMPLETE"), send(result)];
    const found = await fetchIt({ onStatus: (s: string) => statuses.push(s) });
    expect(found.map(({ rows }) => rows[1])).toEqual(["MRTAYIAKQR", "MKTAYIAKQK"]);
    expect(found[1]!.deletions[1]![3]).toBe(1);
    expect(statuses).toEqual(["PENDING", "RUNNING", "COMPLETE"]);
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST /ticket/msa",
      "GET /ticket/abc-1_2",
      "GET /ticket/abc-1_2",
      "GET /result/download/abc-1_2",
    ]);
    expect(new URLSearchParams(asked[0]!.body).get("q")).toBe(`>101\n${query}\n`);
    expect(new URLSearchParams(asked[0]!.body).get("mode")).toBe("env");
  });

  test("are handed in again where the server limits its rate", async () => {
    answers = [
      ticket("RATELIMIT"),
      ticket("UNKNOWN", ""),
      send("slow down", 429, { "retry-after": "0.001" }),
      ticket("COMPLETE"),
      send(result),
    ];
    expect(await fetchIt()).toHaveLength(2);
    answers = [send("", 429)];
    await expect(fetchIt({ timeoutSeconds: 0.02 })).rejects.toThrow("has not finished within 0.02 seconds (it says RATELIMIT)");
  });

  const alone = archive({ "uniref.a3m": `>101\n${query}\n\0`, "bfd.a3m": "" });
  test.each([
    ["a search that failed", [ticket("ERROR")], "could not search for this sequence"],
    ["maintenance", [ticket("MAINTENANCE")], "is under maintenance"],
    ["a status that nobody knows", [ticket("HUNGRY")], 'answers with the status "HUNGRY"'],
    ["a search without end", [ticket("RUNNING")], "has not finished within 0.1 seconds (it says RUNNING)"],
    ["a page instead of a ticket", [send("<html>")], 'answered "<html>", no ticket'],
    ["a ticket of another kind", [send('{"id": 5, "status": "PENDING"}')], "no ticket"],
    ["no object", [send("null")], 'answered "null", no ticket'],
    ["a ticket that leads elsewhere", [ticket("PENDING", "../admin")], "gave no valid ticket"],
    ["a finished ticket that leads elsewhere", [ticket("COMPLETE", "a/b")], "gave no valid ticket"],
    ["another kind of server", [send("", 404)], "knows nothing of /ticket/msa: it may be no server of alignments"],
    ["a server that is broken", [send("", 500)], "answers 500"],
    ["a result that is not there", [ticket("COMPLETE"), send("", 404)], "does not have the result that it announced"],
    ["a result that is no archive", [ticket("COMPLETE"), send("nothing")], "tarFiles"],
    ["a result that breaks off", [ticket("COMPLETE"), send(result.subarray(0, 50))], "gunzip"],
    ["a result without alignments", [ticket("COMPLETE"), send(archive({ "x.txt": "x" }))], "the result holds no alignment"],
    [
      "alignments of another sequence",
      [ticket("COMPLETE"), send(archive({ "uniref.a3m": ">101\nMKTAYIAKQW\n" }))],
      "its first sequence has W at place 10, the query has R",
    ],
    ["no relatives", [ticket("COMPLETE"), send(alone)], "has found no relatives of this sequence"],
  ])("say in a sentence that there is %s", async (_name, list, message) => {
    answers = list;
    const error = await fetchIt({ timeoutSeconds: 0.1 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GradusError);
    expect((error as Error).message).toContain(message);
    if (!(error instanceof FormatError))
      expect((error as Error).message).toContain(
        "Give an alignment as a file (A3M or Stockholm) instead, or choose to predict from the single sequence",
      );
  });

  test("are not asked for by what is no sequence; without a network they say what to give instead", async () => {
    await expect(fetchAlignment("MKU", { url })).rejects.toThrow('there is "U" at place 3');
    await expect(fetchAlignment("MK", { url: "nowhere" })).rejects.toThrow('"nowhere/ticket/msa" is no address');
    expect(asked).toHaveLength(0);
    await expect(fetchAlignment("MK", { url: "http://127.0.0.1:9" })).rejects.toThrow(
      /cannot be reached \(.+\)\. Give an alignment as a file/,
    );
  });

  test("end when they are told to", async () => {
    answers = [ticket("RUNNING")];
    const stop = new AbortController();
    const pending = fetchIt({ waitSeconds: 20, signal: stop.signal, onStatus: () => stop.abort(new Error("enough")) });
    await expect(pending).rejects.toThrow("enough");
  });
});
