import { augment, type CatalogFile, catalog, Dataset, decodeImage, encodePng, loadDataset, ngons, readTable } from "../src/index.ts";
import golden from "./images.golden.json" with { type: "json" };

const same = (found: unknown, wanted: unknown): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`expected ${b?.slice(0, 200)}, found ${a?.slice(0, 200)}`);
};
const fromBase64 = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export default {
  "JPEG and PNG files have PIL's pixels": async () => {
    for (const file of golden.files) same([...(await decodeImage(fromBase64(file.file))).data], [...fromBase64(file["3"])]);
  },
  "A truncated JPEG is refused, and the next one decoded": async () => {
    const [file] = golden.files;
    const error = await decodeImage(fromBase64(file!.file).slice(0, 400)).catch((e) => e);
    same(error.name, "FormatError");
    same((await decodeImage(fromBase64(file!.file))).shape, [21, 34, 3]);
  },
  "A data set is shuffled, augmented, batched, and resumed": async () => {
    const make = () =>
      Dataset.fromTensorSlices(ngons(40))
        .shuffle(40, { seed: 2 })
        .map(({ images, labels }, { random }) => ({
          x: augment({ ...images, shape: [32, 32, 1] }, random, { flip: true, shift: 2 }),
          y: labels,
        }))
        .batch(16);
    const whole = await make().toArray();
    same(
      whole.map((b) => b.x.shape),
      [
        [16, 32, 32, 1],
        [16, 32, 32, 1],
        [8, 32, 32, 1],
      ],
    );
    const pass = make().iterate();
    await pass.next();
    const { value } = await make().iterate({ from: pass.state() }).next();
    same([...(await value!.x.data())], [...(await whole[1]!.x.data())]);
  },
  "Workers apply a module's function, in order": async () => {
    const d = Dataset.range(20).mapOnWorkers<number>(new URL("./double.worker.ts", import.meta.url), { workers: 2 });
    same(
      await d.toArray(),
      Array.from({ length: 20 }, (_, i) => 2 * i),
    );
  },
  "A data set of the catalog comes once from the network, then from the browser's cache; a changed one is refused": async () => {
    const { fetch } = globalThis;
    const text = new TextEncoder().encode("1,2,3,4,5,6,7,8,9,10,11,12,13,14\n");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
    // A file of our own in the place of the real one, which tests do not download.
    const file = catalog.wine.variants[0]!.files[0] as { -readonly [K in keyof CatalogFile]: CatalogFile[K] };
    const real = { ...file };
    let asked = 0;
    globalThis.fetch = async () => {
      asked++;
      return new Response(text);
    };
    try {
      file.bytes = text.length;
      same((await loadDataset("wine").catch((e) => e)).name, "FormatError");
      file.sha256 = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
      same((await loadDataset("wine")).row(0).proline, 14);
      same((await loadDataset("wine")).length, 1);
      same(asked, 2);
      same((await loadDataset("wine", { files: [new File([text], "wine.data")] })).length, 1);
    } finally {
      Object.assign(file, real);
      globalThis.fetch = fetch;
      await caches.delete("gradus-datasets");
    }
  },
  "Tables are read, PNG files written": async () => {
    same(
      [...(await readTable("a;b\n1;x\n2;y\n")).rows()],
      [
        { a: 1, b: "x" },
        { a: 2, b: "y" },
      ],
    );
    const image = { shape: [2, 2, 3], dtype: "uint8" as const, data: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) };
    const bitmap = await createImageBitmap(new Blob([(await encodePng(image)) as Uint8Array<ArrayBuffer>]));
    same([bitmap.width, bitmap.height], [2, 2]);
  },
};
