import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Programs that tests start load hundreds of modules, many times over: what Node.js has compiled of them is kept.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url));

const exclude = [...configDefaults.exclude, "**/*.browser.test.ts"];
const shared = { pool: "forks" as const, testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 20_000 } }, exclude };
/** Pages on a slow machine take their time; what never comes fails by the waits in the tests. */
const patient = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 60_000 } } };
const operations = "packages/tensor/test/ops/**/*.test.ts";

/** What takes longest begins first, so that no worker is left alone with it at the end. */
const longest = [
  "site/test/lessons-odd",
  "site/test/lessons-even",
  "site/test/quality",
  "site/test/cells",
  "site/test/solutions",
  "site/test/keeping",
  "site/test/class",
  "site/test/postgres",
  "jail/test/resources",
  "site/test/systems",
  "resnet/test/resnet",
  "site/test/editor",
  "backends/webgpu",
  "devices/webgpu",
  "site/test/static",
];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      longest.findIndex((name) => moduleId.includes(`${name}.test.ts`)) + 1 || longest.length + 1;
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Operations are held to NumPy's and PyTorch's numbers on both CPU backends; everything else runs once. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: "wasm",
          setupFiles: ["packages/nn/test/seeded.ts"],
          include: [
            "packages/*/{src,test}/**/*.test.ts",
            "packages/systems/*/test/*.test.ts",
            "course/test/**/*.test.ts",
            "bench/**/*.test.ts",
          ],
        },
      },
      { test: { ...shared, ...patient, name: "site", include: ["site/test/**/*.test.ts"], globalSetup: ["site/test/template.ts"] } },
      { test: { ...shared, name: "reference", include: [operations], env: { GRADUS_DEVICE: "reference" } } },
    ],
  },
});
