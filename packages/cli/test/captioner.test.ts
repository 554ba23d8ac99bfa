import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "@gradus/data";
import { afterAll, describe, expect, test } from "vitest";
import { gradus } from "./gradus.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-captioner-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const lines = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("gradus train captioner", () => {
  test("tells what it measures as JSON, and leaves weights, a record, a report and scenes; caption takes them", () => {
    const out = join(folder, "run");
    const { status, stdout, stderr } = gradus("train", "captioner", "--steps", "2", "--scenes", "8", "--out", out, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(lines(stdout).map((e) => e["event"])).toEqual(["measured", "measured", "end"]);
    expect(readdirSync(out).sort()).toEqual(["report.html", "run.json", "scenes", "weights.json", "weights.safetensors"]);
    expect(JSON.parse(readFileSync(join(out, "weights.json"), "utf8"))).toMatchObject({
      system: "captioner",
      steps: 2,
      unseen: { scenes: 8 },
    });
    expect(readFileSync(join(out, "report.html"), "utf8").match(/<img src="data:image\/png/g)).toHaveLength(18);
    const again = gradus("train", "captioner", "--steps", "2", "--scenes", "8", "--out", out);
    expect(again.stderr).toMatch(/holds a run that is finished.*--fresh/);
    const answer = gradus("caption", join(out, "scenes", "1.png"), "--model", out, "--evaluate", "4", "--json");
    expect(answer.status).toBe(0);
    expect(lines(answer.stdout)).toMatchObject([{ caption: expect.any(String) }, { unseen: { scenes: 4 }, heldOut: { scenes: 4 } }]);
  });
});

describe("gradus caption", () => {
  test("draws scenes and captions them with the network that comes with Gradus, and tells which files are no scenes", async () => {
    const drawn = join(folder, "drawn");
    const { status, stdout } = gradus("caption", "--draw", drawn, "--json");
    expect(status).toBe(0);
    expect(readdirSync(drawn)).toHaveLength(12);
    const captions = lines(stdout);
    expect(captions).toHaveLength(12);
    for (const { caption } of captions) expect(caption).toMatch(/^(an?|two|three|four) /);
    const [grey, wide] = [join(folder, "grey.png"), join(folder, "wide.png")];
    writeFileSync(wide, await encodePng({ dtype: "uint8", shape: [48, 96, 3], data: new Uint8Array(48 * 96 * 3) }));
    writeFileSync(grey, await encodePng({ dtype: "uint8", shape: [48, 48, 1], data: new Uint8Array(2304) }));
    const mixed = gradus("caption", grey, drawn, wide, join(drawn, "scene-1.png"), "--json");
    expect(mixed.status).toBe(1);
    expect(lines(mixed.stdout)).toEqual([captions[0]]);
    expect(mixed.stderr).toMatch(/wide\.png: caption: the picture is uint8 \[48, 96, 3\].*Bring it to 48 × 48/);
    expect(mixed.stderr).toContain(`${drawn} is a folder, where a file was expected`);
    expect(mixed.stderr).toMatch(/grey\.png: caption: the picture is grey\. .*The others were captioned/s);
  });

  test.each([
    [[], 1, /nothing to caption/],
    [["no.png"], 1, /there is no file no\.png/],
    [["--model", "nowhere", "--evaluate", "1"], 1, /there is no file nowhere.*gradus train captioner wrote/],
    [["--evaluate", "0"], 2, /whole number from 1 on/],
  ])("%j fails with a sentence", (args, code, message) => {
    const { status, stderr } = gradus("caption", ...args);
    expect(status).toBe(code);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("    at ");
  });
});
