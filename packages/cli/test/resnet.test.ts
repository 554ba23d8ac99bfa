import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "@gradus/data";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradus, jsonLines, kill, main } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-resnet-"));
const data = join(folder, "pictures");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A picture of 36 × 32 pixels: noise, reddish or bluish. */
async function picture(k: number, i: number): Promise<Uint8Array> {
  const pixels = Uint8Array.from({ length: 36 * 32 * 3 }, (_, j) => {
    const noise = (Math.imul(j + 7919 * i, 2654435761) >>> 24) / 2;
    return noise + ((k === 0 && j % 3 === 0) || (k === 1 && j % 3 === 2) ? 120 : 0);
  });
  return encodePng({ dtype: "uint8", shape: [36, 32, 3], data: pixels });
}

beforeAll(async () => {
  for (const [part, count] of [
    ["train", 48],
    ["test", 8],
  ] as const)
    for (const [k, name] of ["red", "blue"].entries()) {
      mkdirSync(join(data, part, name), { recursive: true });
      for (let i = 0; i < count; i++) writeFileSync(join(data, part, name, `${i}.png`), await picture(k, i + (part === "test" ? 1000 : 0)));
    }
});

const options = (out: string) => [
  ...["train", "resnet", "--data", data, "--config", "resnet20", "--epochs", "3", "--batch-size", "16", "--limit", "90"],
  ...["--out", join(folder, out), "--json"],
];
const record = (out: string) => JSON.parse(readFileSync(join(folder, out, "weights.json"), "utf8")) as Record<string, unknown>;

describe("gradus train resnet", () => {
  test("tells epochs as JSON, and leaves weights, a record and a report; classify then knows the classes", () => {
    const { status, stdout, stderr } = gradus(...options("a"));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const events: Record<string, unknown>[] = jsonLines(stdout);
    expect(events.map((e) => e["event"])).toEqual(["epoch", "epoch", "epoch", "end"]);
    expect(readdirSync(join(folder, "a")).sort()).toEqual(["report.html", "run.json", "weights.json", "weights.safetensors"]);
    expect(record("a")).toMatchObject({
      config: "resnet20",
      recipe: "paper",
      classes: ["blue", "red"],
      epochs: 3,
      trainingPictures: 90,
      testPictures: 16,
    });
    expect(readFileSync(join(folder, "a", "report.html"), "utf8")).toMatch(/<svg.*taken for/s);

    const red = join(data, "test", "red");
    const answer = gradus(
      "classify",
      red,
      "--model",
      "resnet20",
      "--weights",
      join(folder, "a", "weights.safetensors"),
      "--json",
      "--top",
      "2",
    );
    expect(answer.stderr).toBe("");
    const lines: { file: string; top: { class: string; probability: number }[] }[] = jsonLines(answer.stdout);
    expect(lines).toHaveLength(8);
    for (const { file, top } of lines) {
      expect(existsSync(file)).toBe(true);
      expect(top.map((t) => t.class).sort()).toEqual(["blue", "red"]);
      expect(top[0]!.probability + top[1]!.probability).toBeCloseTo(1, 5);
      expect(top[0]!.probability).toBeGreaterThanOrEqual(top[1]!.probability);
    }
  }, 240_000);

  test("killed in the middle, goes on to the same weights", async () => {
    await kill(options("b"), join(folder, "b", "run.safetensors"));
    const { status } = gradus(...options("b"));
    expect(status).toBe(0);
    expect(record("b")).toMatchObject({ resumed: true });
    expect(readFileSync(join(folder, "b", "weights.safetensors"))).toEqual(readFileSync(join(folder, "a", "weights.safetensors")));
    // It stays finished until someone wants it anew.
    const refused = (...more: string[]) => gradus(...options("b"), ...more).stderr;
    expect(refused()).toMatch(/b holds a run that is finished\. Give --fresh to train anew in its place, or another folder with --out/);
    expect(refused("--seed", "7")).toMatch(/is finished, with other settings or other data \(seed\)/);
    expect(gradus(...options("b"), "--epochs", "1", "--fresh").status).toBe(0);
    expect(record("b")).toMatchObject({ epochs: 1, resumed: false });
  }, 240_000);

  test.each([
    [["--data", "/nowhere"], /there is no \/nowhere/],
    [["--data", data, "--config", "resnet19"], /^gradus train resnet: --config resnet19: there is no network "resnet19"/],
    [["--data", "/nowhere", "--out", main], /main\.ts is a file\. Give another folder with --out/],
    [["--data", "/dev/zero"], /\/dev\/zero is no archive that can be read \(.*neither a file nor a folder\)/],
    [["--data", data, "--batch-size", "48", "--epochs", "1"], /1 × 2 batches of 48 are 2 steps/],
    [["--data", join(data, "train")], /below a folder "train"/],
    [["--data", main], /main\.ts is no archive that can be read.*Give a folder or a \.tar/],
    [["--data", join(data, "train", "red", "0.png")], /0\.png is one picture.*Give a folder or a \.tar.*train\/CLASS\//],
  ])("%j is answered with a sentence", (args, message) => {
    const { status, stderr } = gradus("train", "resnet", "--out", join(folder, "bad"), ...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each(["slow", "toString"])("the recipe %s is refused", (recipe) => {
    const { status, stderr } = gradus("train", "resnet", "--data", "/nowhere", "--recipe", recipe);
    expect(status).toBe(2);
    expect(stderr).toMatch(/Allowed choices are paper, fast/);
  });
});

test("a batch that does not fit into memory is refused with a sentence", () => {
  const cifar = join(folder, "cifar");
  mkdirSync(cifar);
  writeFileSync(join(cifar, "data_batch_1.bin"), new Uint8Array(6000 * 3073));
  writeFileSync(join(cifar, "test_batch.bin"), new Uint8Array(10 * 3073));
  const { status, stderr } = gradus("train", "resnet", "--data", cifar, "--batch-size", "3000", "--out", join(folder, "large"), "--json");
  expect(stderr).toMatch(
    /^gradus train resnet: there is not enough memory: \d+.* MiB asked for, .* of at most .*\. Give a smaller --batch-size\n$/,
  );
  expect(status).toBe(1);
}, 120_000);

describe("gradus classify", () => {
  test("tells which files are no pictures, and answers for the others", () => {
    const weights = join(folder, "a", "weights.safetensors");
    const broken = join(folder, "broken.png");
    const good = join(data, "test", "red", "0.png");
    writeFileSync(broken, readFileSync(good).subarray(0, 300));
    const text = join(folder, "text.jpg");
    writeFileSync(text, "no picture");
    const large = join(folder, "large.jpg");
    writeFileSync(large, "");
    truncateSync(large, 2 ** 31);
    // As macOS packs folders.
    const mac = join(folder, "mac");
    mkdirSync(mac);
    writeFileSync(join(mac, "._1.png"), Uint8Array.of(0, 5, 22, 7));
    writeFileSync(join(mac, "1.png"), readFileSync(good));
    const { status, stdout, stderr } = gradus("classify", broken, large, good, text, mac, "--weights", weights, "--json");
    expect(status).toBe(1);
    expect(jsonLines(stdout).map(({ file }) => file)).toEqual([good, join(mac, "1.png")]);
    expect(stderr).toContain("large.jpg is larger than the 2 GiB that can be read");
    expect(stderr).not.toContain("._1.png");
    expect(stderr).toContain("broken.png");
    expect(stderr).toContain("text.jpg: decodeImage: neither a JPEG nor a PNG file");
  });

  test("refuses weights of another network, and networks without weights", () => {
    const weights = join(folder, "a", "weights.safetensors");
    const good = join(data, "test", "red", "0.png");
    expect(gradus("classify", good, "--model", "resnet32", "--weights", weights).stderr).toMatch(
      /the weights are of resnet20, not of resnet32/,
    );
    expect(gradus("classify", good, "--model", "resnet50").stderr).toMatch(/resnet50 comes without weights/);
    expect(gradus("classify", good, "--model", "resnet19").stderr).toMatch(/^gradus classify: --model resnet19: there is no network/);
    // resnet20 comes with some, for CIFAR-10's classes.
    const { top } = JSON.parse(gradus("classify", good, "--json", "--top", "10").stdout) as { top: { class: string }[] };
    expect(top.map((t) => t.class).sort()).toEqual([
      ...["airplane", "automobile", "bird", "cat", "deer"],
      ...["dog", "frog", "horse", "ship", "truck"],
    ]);
    expect(gradus("classify", join(folder, "nothing.png"), "--weights", weights).stderr).toMatch(/there is no file/);
    const other = join(folder, "other.safetensors");
    writeFileSync(other, readFileSync(weights));
    expect(gradus("classify", good, "--weights", other).stderr).toMatch(/no .*other\.json.*for torchvision's weights name their network/);
    const named = join(folder, "folder.safetensors");
    mkdirSync(named);
    expect(gradus("classify", good, "--model", "resnet18", "--weights", named).stderr).toMatch(
      /folder\.safetensors is a folder, where a file/,
    );
  });
});
