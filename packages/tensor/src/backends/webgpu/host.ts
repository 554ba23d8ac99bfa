import type { Graph } from "../../graph/graph.ts";
import type { Backend, DeviceBuffer, Executable } from "../backend.ts";
import type { GpuBuffer, WebGpuBackend } from "./index.ts";
import { fromStored, toStored } from "./storage.ts";

/** A whole graph on another backend: arrays come from the GPU and go back to it, in their turn. */
export class HostProgram implements Executable {
  private readonly gpu: WebGpuBackend;
  private readonly host: Backend;
  private readonly graph: Graph;
  private readonly executable: Executable;
  readonly arenaBytes: number;

  constructor(gpu: WebGpuBackend, host: Backend, graph: Graph) {
    this.gpu = gpu;
    this.host = host;
    this.graph = graph;
    this.executable = host.build(graph);
    this.arenaBytes = this.executable.arenaBytes;
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    const { gpu, host, graph } = this;
    const { float16 } = gpu.gpu.traits;
    gpu.attempt(inputs, outputs, async () => {
      const taken: DeviceBuffer[] = [];
      const take = (buffer: DeviceBuffer) => {
        const { dtype, length } = buffer as GpuBuffer;
        const own = host.allocate(dtype, length);
        taken.push(own);
        return own;
      };
      try {
        const given: DeviceBuffer[] = [];
        for (const buffer of inputs as readonly GpuBuffer[]) {
          const stored = await gpu.download(buffer.gpu, 0, buffer.bytes);
          const own = take(buffer);
          host.write(own, fromStored(buffer.dtype, stored, buffer.length, float16));
          given.push(own);
        }
        const results = outputs.map((buffer, i) => (graph.inPlace[i]! >= 0 ? given[graph.inPlace[i]!]! : take(buffer)));
        this.executable.run(given, results);
        for (const [i, own] of results.entries()) {
          const target = outputs[i] as GpuBuffer;
          const data = await host.read(own, target.dtype, target.length);
          gpu.upload(target.gpu, 0, toStored(target.dtype, data, float16));
        }
      } finally {
        for (const buffer of taken) host.free(buffer);
      }
    });
  }

  explain(): string {
    return `on ${this.host.name}, as the GPU lacks a type:\n${this.executable.explain()}`;
  }

  dispose(): void {
    this.executable.dispose();
  }
}
