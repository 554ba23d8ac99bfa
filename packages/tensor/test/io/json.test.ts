import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson } from "../../src/io/json.ts";

const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("parseJson", () => {
  test("gives what JSON.parse does, of text and of bytes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
        expect(parseJson(new TextEncoder().encode(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ["nothing", "", /^is no JSON: ./],
    ["half an object", '{"a": [1', /^is no JSON: ./],
    ["bytes that are no text", new Uint8Array([0x22, 0xff, 0x22]), /^is no text in UTF-8$/],
    ["257 lists", nested(257), /^nests deeper than 256 lists and objects$/],
    ["a million lists", nested(1e6), /^nests deeper/],
    ["lists and objects in turn", `${'[{"a":'.repeat(200)}1${"}]".repeat(200)}`, /^nests deeper/],
  ])("hands the problem on for %s, and gives undefined where nobody asks", (_, source, problem) => {
    expect(parseJson(source, (p) => p)).toMatch(problem);
    expect(parseJson(source)).toBeUndefined();
  });

  test("does not take brackets in texts for depth", () => {
    const text = `${"[{".repeat(500)}\\"[`;
    expect(parseJson(JSON.stringify([text, { [text]: [] }]))).toEqual([text, { [text]: [] }]);
    expect(parseJson(nested(256))).toBeInstanceOf(Array);
    expect(parseJson(`[${Array(300).fill("[]").join(",")}]`)).toHaveLength(300);
  });
});
