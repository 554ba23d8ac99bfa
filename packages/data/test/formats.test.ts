import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { FormatError, GradusError } from "@gradus/tensor";
import { writeNpz } from "@gradus/tensor/io";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { archiveFiles, Dataset, fasta, lines, readBytes, readCifar, readIdx, readText, zipFiles } from "../src/index.ts";
import { fileChunks, folderFiles, openArchive } from "../src/node/index.ts";

const shared = new URL("../../../../shared/data/", import.meta.url).pathname;
const here = mkdtempSync(join(tmpdir(), "gradus-formats-"));
afterAll(() => rmSync(here, { recursive: true }));

const bytes = (...list: number[]) => Uint8Array.from(list);
const utf8 = (text: string) => new TextEncoder().encode(text);
const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const x of source) list.push(x);
  return list;
};
/** Gives a source in pieces of n bytes. */
async function* pieces(data: Uint8Array, n: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < data.length; i += n) yield data.subarray(i, i + n);
}

/** A tar archive by the program tar; names beyond 100 characters need pax or GNU headers. */
function tar(format: string, files: Record<string, string>): Uint8Array {
  const folder = mkdtempSync(join(here, "tar-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return new Uint8Array(execFileSync("tar", [`--format=${format}`, "-cf", "-", ...Object.keys(files)], { cwd: folder }));
}

const idx = bytes(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

describe("IDX", () => {
  test("reads bytes and big-endian numbers, packed or not", async () => {
    expect(await readIdx(idx)).toEqual({ dtype: "uint8", shape: [2, 3], data: bytes(1, 2, 3, 4, 5, 6) });
    expect((await readIdx(gzipSync(idx))).shape).toEqual([2, 3]);
    const floats = new DataView(new ArrayBuffer(16));
    floats.setUint32(0, 0x0d01);
    floats.setUint32(4, 2);
    floats.setFloat32(8, 1.5);
    floats.setFloat32(12, -2);
    expect((await readIdx(floats.buffer)).data).toEqual(Float32Array.of(1.5, -2));
  });

  test.each([
    ["empty", bytes()],
    ["another format", utf8("hello, world")],
    ["unknown type", bytes(0, 0, 7, 1, 0, 0, 0, 1, 5)],
    ["truncated", idx.slice(0, -1)],
    ["header cut off", idx.slice(0, 6)],
    ["huge sizes", bytes(0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0)],
    ["truncated gzip", new Uint8Array(gzipSync(idx)).slice(0, 15)],
  ])("refuses: %s", async (_, data) => {
    await expect(readIdx(data)).rejects.toThrow(FormatError);
  });
});

describe("CIFAR", () => {
  const record = Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? 7 : ((i - 1) >> 10) * 50 + (i % 2)));

  test("reads planes into [n, 32, 32, 3]", async () => {
    const { images, labels } = await readCifar(new Uint8Array([...record, ...record]));
    expect([images.shape, [...labels]]).toEqual([
      [2, 32, 32, 3],
      [7, 7],
    ]);
    expect([...images.data.slice(0, 6)]).toEqual([1, 51, 101, 0, 50, 100]);
    const hundred = await readCifar(new Uint8Array([3, 99, ...record.slice(1)]), { classes: 100 });
    expect([hundred.labels[0], hundred.coarseLabels![0]]).toEqual([99, 3]);
  });

  test("refuses other sizes and labels", async () => {
    await expect(readCifar(record.slice(1))).rejects.toThrow(/multiple/);
    await expect(readCifar(bytes())).rejects.toThrow(/multiple/);
    await expect(readCifar(Uint8Array.from([10, ...record.slice(1)]))).rejects.toThrow(/label 10/);
  });
});

describe("text", () => {
  test("lines of any chunks, with either end, and characters cut in two", async () => {
    const text = "eins\r\nzwei\n\nümläut 🎲\nlast";
    for (const n of [1, 2, 3, 100]) expect(await collect(lines(pieces(utf8(text), n)))).toEqual(["eins", "zwei", "", "ümläut 🎲", "last"]);
    expect(await collect(lines("a\nb\n"))).toEqual(["a", "b"]);
    expect(await readText(gzipSync(utf8(text)))).toBe(text);
  });

  test("refuses endless lines and what is not UTF-8", async () => {
    await expect(collect(lines("x".repeat(50), { maxLength: 10 }))).rejects.toThrow(/longer than 10/);
    await expect(collect(lines(bytes(0xff, 0xfe)))).rejects.toThrow(/UTF-8/);
    await expect(readText(bytes(0xe2, 0x82))).rejects.toThrow(/UTF-8/);
  });

  test("a data set of lines streams from a file", async () => {
    writeFileSync(join(here, "lines.txt"), Array.from({ length: 1000 }, (_, i) => `line ${i}`).join("\n"));
    const d = Dataset.fromGenerator(() => lines(fileChunks(join(here, "lines.txt"))));
    expect(await d.skip(998).toArray()).toEqual(["line 998", "line 999"]);
    expect(await d.batch(2).take(1).toArray()).toEqual([["line 0", "line 1"]]);
  });
});

describe("FASTA", () => {
  test("joins the lines of a record", async () => {
    expect(await collect(fasta(">a first one\nACGT\n\nAC-N\n>b\n>c\r\nMKV*\r\n"))).toEqual([
      { id: "a", description: "first one", sequence: "ACGTAC-N" },
      { id: "b", description: "", sequence: "" },
      { id: "c", description: "", sequence: "MKV*" },
    ]);
    expect(await collect(fasta(""))).toEqual([]);
  });

  test("refuses text before the first record, other letters, endless sequences", async () => {
    await expect(collect(fasta("ACGT\n"))).rejects.toThrow(/before the first record/);
    await expect(collect(fasta(">a\nAC4T\n"))).rejects.toThrow(/line 2/);
    await expect(collect(fasta(">a\nACGT\nACGT\n", { maxLength: 6 }))).rejects.toThrow(/longer than 6/);
  });

  test.skipIf(!existsSync(shared))("reads the snoRNA families (skipped where shared/data is missing)", async () => {
    const records = await collect(fasta(fileChunks(`${shared}course/cd_sequences.fasta`)));
    expect(records.length).toBe(Number(execFileSync("grep", ["-c", ">", `${shared}course/cd_sequences.fasta`])));
    expect(new Set(records.flatMap((r) => [...r.sequence])).size).toBeLessThan(16);
  });
});

describe("archives", () => {
  const long = `${"deep/".repeat(30)}file.txt`;

  test.each(["ustar", "gnu", "pax", "v7"])("tar as %s", async (format) => {
    const files: Record<string, string> = {
      "a.txt": "alpha",
      "b/c.txt": "x".repeat(1000),
      ...(format === "v7" || format === "ustar" ? {} : { [long]: "deep" }),
    };
    const archive = tar(format, files);
    for (const data of [archive, new Uint8Array(gzipSync(archive))]) {
      const found = await archiveFiles(data);
      expect(found.map((f) => [f.name, f.size])).toEqual(Object.entries(files).map(([n, t]) => [n, t.length]));
      for (const f of found) expect(new TextDecoder().decode(await f.read())).toBe(files[f.name]);
    }
  });

  test("zip, and folders, sorted and without links", async () => {
    const zip = writeNpz([["x", { dtype: "uint8", shape: [3], data: bytes(1, 2, 3) }]]);
    const [file] = await archiveFiles(zip);
    expect([file!.name, (await file!.read()).length]).toEqual(["x.npy", file!.size]);
    const folder = join(here, "folder");
    mkdirSync(join(folder, "b"), { recursive: true });
    writeFileSync(join(folder, "b", "two"), "2");
    writeFileSync(join(folder, "a"), "1");
    symlinkSync("/etc/passwd", join(folder, "link"));
    expect((await folderFiles(folder)).map((f) => f.name)).toEqual(["a", "b/two"]);
    await expect(folderFiles(folder, { maxFiles: 1 })).rejects.toThrow(/more than 1/);
    expect((await openArchive(folder)).length).toBe(2);
    for (const open of [folderFiles, openArchive]) await expect(open(`${folder}/nowhere`)).rejects.toThrow(/there is no .*nowhere\. Check/);
    await expect(folderFiles(`${folder}/${(await folderFiles(folder))[0]!.name}`)).rejects.toThrow(/is no folder/);
    // What cannot be read at once or may never end.
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), 2 ** 31);
    const large = (await folderFiles(folder)).find((f) => f.name === "large");
    await expect(large!.read()).rejects.toThrow(/large has 2147483648 bytes\. Files of less than 2 GiB/);
    await expect(openArchive("/dev/zero")).rejects.toThrow(/\/dev\/zero is neither a file nor a folder/);
  });

  test("files of a folder are called as they are however the folder is called", async () => {
    const folder = join(here, "named");
    mkdirSync(join(folder, "in"), { recursive: true });
    for (const name of ["one", "in/two"]) writeFileSync(join(folder, name), name);
    for (const path of [
      `${folder}/`,
      `${folder}//`,
      `${folder}/in/..`,
      `${here}/./named`,
      relative(process.cwd(), folder),
      `./${relative(process.cwd(), folder)}`,
    ]) {
      const found = await folderFiles(path);
      expect(found.map((f) => f.name)).toEqual(["in/two", "one"]);
      expect(new TextDecoder().decode(await found[0]!.read())).toBe("in/two");
    }
  });

  test("links are followed where that is wanted, those that lead nowhere or in a ring aside", async () => {
    const [folder, other] = [join(here, "links"), join(here, "elsewhere")];
    for (const path of [folder, join(other, "deep")]) mkdirSync(path, { recursive: true });
    writeFileSync(join(other, "deep", "file"), "far");
    symlinkSync(join(other, "deep", "file"), join(folder, "a"));
    symlinkSync(other, join(folder, "b"));
    symlinkSync(folder, join(other, "ring"));
    symlinkSync("/nowhere", join(folder, "c"));
    expect(await folderFiles(folder)).toEqual([]);
    const found = await folderFiles(folder, { followLinks: true });
    expect(found.map((f) => f.name)).toEqual(["a", "b/deep/file"]);
    for (const file of found) expect(new TextDecoder().decode(await file.read())).toBe("far");
  });

  test("a tar file on disk is read in place", async () => {
    writeFileSync(join(here, "x.tar"), tar("ustar", { "a/1.txt": "one", "b/2.txt": "two" }));
    const found = await openArchive(join(here, "x.tar"));
    expect(new TextDecoder().decode(await found[1]!.read())).toBe("two");
  });

  test("paths that lead out, wrong sums, truncation and false sizes are refused", async () => {
    const archive = tar("ustar", { "a.txt": "alpha" });
    const renamed = (name: string) => {
      const copy = archive.slice();
      copy.fill(0, 0, 100);
      copy.set(utf8(name));
      return resum(copy);
    };
    for (const name of ["../evil", "/etc/passwd", "a/../../b", "C:\\x", "a\\..\\b"])
      await expect(archiveFiles(renamed(name)), name).rejects.toThrow(/leads out/);
    await expect(archiveFiles(archive.map((b, i) => (i === 0 ? b + 1 : b)))).rejects.toThrow(/no valid header/);
    await expect(archiveFiles(archive.slice(0, 514))).rejects.toThrow(FormatError);
    await expect(archiveFiles(archive.slice(0, 100))).rejects.toThrow(FormatError);
    const large = archive.slice();
    large.set(utf8("77777777777"), 124);
    await expect(archiveFiles(resum(large))).rejects.toThrow(/are left/);
    await expect(archiveFiles(utf8("x".repeat(2000)))).rejects.toThrow(FormatError);
  });

  test("bombs stop at maxBytes", async () => {
    const bomb = gzipSync(new Uint8Array(50_000_000));
    expect(bomb.length).toBeLessThan(60_000);
    await expect(readBytes(bomb, { maxBytes: 1_000_000 })).rejects.toThrow(/more than 1000000 bytes/);
    await expect(archiveFiles(bomb, { maxBytes: 1_000_000 })).rejects.toThrow(/more than 1000000 bytes/);
    expect(() => zipFiles(writeNpz([["x", { dtype: "uint8", shape: [3], data: bytes(1, 2, 3) }]]), { maxBytes: 10 })).toThrow(
      /more than 10 bytes/,
    );
  });
});

/** Writes a header's check sum anew. */
function resum(archive: Uint8Array): Uint8Array {
  let sum = 0;
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : archive[i]!;
  archive.set(utf8(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return archive;
}

test("damaged files of every format give a FormatError or a valid result, never anything else", async () => {
  const zip = writeNpz([["x", { dtype: "uint8", shape: [3], data: bytes(1, 2, 3) }]]);
  const samples: [Uint8Array, (data: Uint8Array) => Promise<unknown>][] = [
    [idx, readIdx],
    [new Uint8Array(gzipSync(idx)), readIdx],
    [new Uint8Array(3073), readCifar],
    [utf8(">a b\nACGT\n>c\nAC\n"), (d) => collect(fasta(d))],
    [
      tar("pax", { "a.txt": "alpha", [`${"deep/".repeat(30)}f`]: "x" }),
      async (d) => Promise.all((await archiveFiles(d)).map((f) => f.read())),
    ],
    [zip, async (d) => Promise.all((await archiveFiles(d)).map((f) => f.read()))],
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.nat(samples.length - 1),
      fc.array(fc.record({ at: fc.nat(4000), value: fc.nat(255) }), { maxLength: 6 }),
      fc.option(fc.nat(4000)),
      async (which, changes, cut) => {
        const [sample, read] = samples[which]!;
        const data = sample.slice(0, cut ?? sample.length);
        for (const { at, value } of changes) if (data.length) data[at % data.length] = value;
        try {
          await read(data);
        } catch (error) {
          if (!(error instanceof GradusError)) throw error;
        }
      },
    ),
    { numRuns: 2000 },
  );
});
