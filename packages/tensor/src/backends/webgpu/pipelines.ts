import { StateError } from "../../errors.ts";
import { debugLevel } from "../../graph/debug.ts";

/** Compiled shaders that are kept; the least recently used go first. */
const mostKept = 2048;

export interface Pipeline {
  readonly layout: GPUBindGroupLayout;
  /** Null until compiled. */
  ready: GPUComputePipeline | null;
  readonly compiled: Promise<void>;
}

/** Shaders by their text. They compile in the background, several at once. */
export class Pipelines {
  private readonly device: GPUDevice;
  private readonly pipelines = new Map<string, Pipeline>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  get size(): number {
    return this.pipelines.size;
  }

  /** `writable[i]` tells whether binding i is written. */
  get(name: string, code: string, writable: readonly boolean[]): Pipeline {
    const known = this.pipelines.get(code);
    if (known) {
      this.pipelines.delete(code);
      this.pipelines.set(code, known);
      return known;
    }
    if (debugLevel() >= 4) console.error(`// ${name}\n${code}\n`);
    const layout = this.layout(writable);
    const module = this.device.createShaderModule({ label: name, code });
    const pipeline: Pipeline = {
      layout,
      ready: null,
      compiled: this.device
        .createComputePipelineAsync({
          label: name,
          layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: "main" },
        })
        .then(
          (ready) => {
            pipeline.ready = ready;
          },
          async (error: Error) => {
            this.pipelines.delete(code);
            const { messages } = await module.getCompilationInfo();
            const lines = code.split("\n");
            const said = messages.map((m) => `line ${m.lineNum} (${lines[m.lineNum - 1]?.trim() ?? ""}): ${m.message}`);
            throw new StateError("webgpu", `the GPU refuses a generated shader, ${name}: ${[...said, error.message].join("; ")}`);
          },
        ),
    };
    pipeline.compiled.catch(() => {}); // whoever runs the program hears of it
    this.pipelines.set(code, pipeline);
    if (this.pipelines.size > mostKept) this.pipelines.delete(this.pipelines.keys().next().value!);
    return pipeline;
  }

  private layout(writable: readonly boolean[]): GPUBindGroupLayout {
    const key = writable.map((w) => (w ? "w" : "r")).join("");
    let layout = this.layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        entries: writable.map((w, binding) => ({ binding, visibility: 4, buffer: { type: w ? "storage" : "read-only-storage" } })),
      });
      this.layouts.set(key, layout);
    }
    return layout;
  }
}
