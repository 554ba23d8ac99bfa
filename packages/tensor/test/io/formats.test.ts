import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DType, decode, dtypes, encode } from "../../src/dtype.ts";
import { FormatError, GradusError, loadNpy, loadSafetensors, saveNpy, saveSafetensors, tensor } from "../../src/index.ts";
import {
  type ArrayData,
  formatArray,
  makeFolder,
  openSafetensors,
  readNpy,
  readNpyStream,
  readNpz,
  readSafetensors,
  safetensorsChunks,
  writeNpy,
  writeNpz,
} from "../../src/io/index.ts";
import golden from "./numpy.golden.json" with { type: "json" };

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));
const join8 = (parts: Iterable<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat([...parts]));
const arrays: [string, ArrayData][] = dtypes.map((dtype) => [dtype, { dtype, shape: [2, 3], data: encode(dtype, [0, 1, 2, 3, 1, 0]) }]);
const savable = arrays.filter(([name]) => name !== "bfloat16");
const folder = mkdtempSync(join(tmpdir(), "gradus-io-"));

describe("printing", () => {
  test("it looks like NumPy's for random arrays of every kind and size", () => {
    for (const { dtype, shape, data, text } of golden.printed) {
      const values = (data as (number | string)[]).map((x) =>
        x === "nan" ? Number.NaN : x === "inf" ? Number.POSITIVE_INFINITY : Number(x),
      );
      expect(formatArray({ dtype: dtype as DType, shape, data: encode(dtype as DType, values) })).toBe(text);
    }
  });
});

describe(".npy and .npz", () => {
  test("NumPy's files of either order and endianness are read", () => {
    for (const { descr, values, base64 } of golden.files) {
      const a = readNpy(fromBase64(base64));
      expect(a.shape).toEqual([2, 3]);
      expect([...decode(a.dtype, a.data)].map(Number), descr).toEqual(values);
    }
  });
  test("a compressed archive of NumPy's is read", async () => {
    const found = await readNpz(fromBase64(golden.npz));
    expect([...found.keys()]).toEqual(["a", "b"]);
    expect(found.get("a")!.data[299]).toBe(299);
    expect(found.get("b")!.dtype).toBe("float64");
  });
  test("what is written is read back, whole and as a stream in small pieces", async () => {
    for (const [name, a] of savable) {
      const bytes = writeNpy(a);
      expect(readNpy(bytes), name).toEqual(a);
      const pieces = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let i = 0; i < bytes.length; i += 7) controller.enqueue(bytes.subarray(i, i + 7));
          controller.close();
        },
      });
      expect(await readNpyStream(pieces)).toEqual(a);
    }
    expect(await readNpz(writeNpz(savable))).toEqual(new Map(savable));
  });
  test("real files of the course are read", async (context) => {
    const path = new URL("../../../../../shared/data/course/bikes-X.npy", import.meta.url).pathname;
    if (!existsSync(path)) return context.skip("the folder shared/data is not here");
    expect((await loadNpy(path)).shape).toEqual([10886, 19]);
  });
});

describe(".safetensors", () => {
  test("what is written is read back, also piece by piece, with metadata and hostile names", async () => {
    const named: [string, ArrayData][] = [...arrays, ["__proto__", arrays[0]![1]], ["toString", arrays[1]![1]]];
    const bytes = join8(safetensorsChunks(named, { format: "pt" }));
    expect([...readSafetensors(bytes).tensors]).toEqual(named);
    const opened = await openSafetensors({ size: bytes.length, read: async (o, n) => bytes.subarray(o, o + n) });
    expect(opened.metadata).toEqual({ format: "pt" });
    expect(await opened.read("__proto__")).toEqual(arrays[0]![1]);
    await expect(opened.read("none")).rejects.toThrow(/no array "none"/);
  });
  const file = (header: string, data = 0): Uint8Array => {
    const text = new TextEncoder().encode(header);
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    return bytes;
  };
  const entry = (shape: string, from: number, to: number): string => `{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;
  test.each([
    ["a huge header", new Uint8Array([255, 255, 255, 255, 255, 255, 255, 127]), /larger than.*Is it a \.safetensors file\?$/],
    ["a header beyond the file", new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0]), /truncated/],
    ["a name given twice", file(`{"a":${entry("[1]", 0, 4)},"a":${entry("[1]", 0, 4)}}`, 4), /twice/],
    ["overlapping elements", file(`{"a":${entry("[2]", 0, 8)},"b":${entry("[1]", 4, 8)}}`, 8), /overlap/],
    ["a gap between elements", file(`{"a":${entry("[1]", 0, 4)},"b":${entry("[1]", 8, 12)}}`, 12), /gap/],
    ["bytes left over", file(`{"a":${entry("[1]", 0, 4)}}`, 9), /belong to nothing/],
    ["a shape whose product overflows", file(`{"a":${entry("[4294967296,4294967296]", 0, 4)}}`, 4), /takes/],
    ["elements beyond the file", file(`{"a":${entry("[100]", 0, 400)}}`, 4), /the file at/],
    ["no JSON", file("{nonsense", 0), /JSON/],
    ["deep nesting", file("[".repeat(100_000), 0), /JSON|object/],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(FormatError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });
});

describe("hostile files", () => {
  const valid = {
    npy: writeNpy(arrays[9]![1]),
    npz: writeNpz(savable),
    deflated: fromBase64(golden.npz),
    safetensors: join8(safetensorsChunks(arrays)),
  };
  const readers = [async (b: Uint8Array) => readNpy(b), readNpz, async (b: Uint8Array) => readSafetensors(b)];
  const harmless = async (bytes: Uint8Array): Promise<void> => {
    for (const read of readers)
      try {
        await read(bytes);
      } catch (error) {
        if (!(error instanceof GradusError)) throw error;
      }
  };
  test("random bytes give a result or a clear error", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), harmless), { numRuns: 500, seed: 1 });
  });
  test("damaged files give a result or a clear error", async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.values(valid)), damage, fc.nat(), async (bytes, changes, cut) => {
        const broken = bytes.slice(0, cut % 3 ? bytes.length : cut % bytes.length);
        for (const [at, value] of changes) if (broken.length) broken[at % broken.length] = value;
        await harmless(broken);
      }),
      { numRuns: 1500, seed: 2 },
    );
  });
  test("an archive that claims more than it holds is refused before memory is taken", async () => {
    const bytes = valid.deflated.slice();
    const view = new DataView(bytes.buffer);
    for (let i = 0; i + 46 < bytes.length; i++) if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 24, 0xf0000000, true);
    await expect(readNpz(bytes)).rejects.toThrow(/claims/);
  });
});

describe("files", () => {
  test("arrays survive a round trip through files", async () => {
    const x = tensor([
      [1.5, 2],
      [3, 4],
    ]);
    await saveNpy(join(folder, "x.npy"), x);
    expect(await (await loadNpy(join(folder, "x.npy"))).tolist()).toEqual([
      [1.5, 2],
      [3, 4],
    ]);
    await saveSafetensors(join(folder, "x.safetensors"), { x, y: tensor([1, 2]) });
    expect(await (await loadSafetensors(join(folder, "x.safetensors"))).y!.tolist()).toEqual([1, 2]);
  });
  test("bytes come as Buffers too, which share their memory with others", async () => {
    const pooled = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from("odd"), bytes]).subarray(3);
    for (const [name, a] of savable) {
      expect(readNpy(pooled(writeNpy(a))), name).toEqual(a);
      expect((await readNpz(pooled(writeNpz([[name, a]])))).get(name), name).toEqual(a);
    }
    for (const [name, a] of arrays)
      expect(readSafetensors(pooled(join8(safetensorsChunks([[name, a]])))).tensors.get(name), name).toEqual(a);
    for (const { descr, values, base64 } of golden.files) {
      const bytes = pooled(fromBase64(base64));
      const before = Uint8Array.from(bytes);
      expect([...decode(readNpy(bytes).dtype, readNpy(bytes).data)].map(Number), descr).toEqual(values);
      expect(Uint8Array.from(bytes), "the caller's bytes stay").toEqual(before);
    }
  });
  test("a process killed in mid-write leaves the old file whole", async () => {
    const path = join(folder, "kept.bin");
    writeFileSync(path, "old");
    const script = `
      import { saveFile } from ${JSON.stringify(new URL("../../src/io/files.ts", import.meta.url).href)};
      function* slowly() { for (let i = 0; ; i++) { yield new Uint8Array(2 ** 20); if (i === 3) process.send("writing"); } }
      await saveFile(${JSON.stringify(path)}, slowly());`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    await new Promise((resolve) => child.once("message", resolve));
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder).some((f) => f.startsWith("kept.bin.") && f.endsWith(".tmp"))).toBe(true);
  });

  test("folders are made with those that they lie in, and what cannot be made is refused at once", async () => {
    await makeFolder(join(folder, "a", "b", "c"));
    await Promise.all(["c", "c", "d"].map((name) => makeFolder(join(folder, "a", "b", name))));
    expect(readdirSync(join(folder, "a", "b")).sort()).toEqual(["c", "d"]);
    writeFileSync(join(folder, "a", "file"), "");
    await expect(makeFolder(join(folder, "a", "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolder(join(folder, "a", "file", "below", "it"))).rejects.toMatchObject({ code: "ENOTDIR" });
    // There a folder cannot be made, and the system says that there is none.
    if (existsSync("/proc/self")) await expect(makeFolder("/proc/gradus/folder")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
