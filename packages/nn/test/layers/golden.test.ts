import { readFileSync } from "node:fs";
import { describe, test } from "vitest";
import { checkGolden, type LayerCase } from "../check.ts";

const golden = JSON.parse(readFileSync(new URL("./layers.golden.json", import.meta.url), "utf8")) as { cases: LayerCase[] };

describe("values and gradients agree with PyTorch", () => {
  golden.cases.forEach((example, i) => {
    test(`${example.layer} ${JSON.stringify(example.config)} (${i})`, () => {
      checkGolden(example);
    });
  });
});
