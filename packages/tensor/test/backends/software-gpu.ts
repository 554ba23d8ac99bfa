import { accessSync } from "node:fs";
import { tmpdir } from "node:os";
import type { WebGpuOptions } from "../../src/backends/webgpu/index.ts";
import { WebGpuBackend } from "../../src/backends/webgpu/index.ts";

/** Chromium carries SwiftShader, a GPU that is a program; where its description lies on Debian. */
const places = ["/usr/lib/chromium/vk_swiftshader_icd.json", "/opt/google/chrome/vk_swiftshader_icd.json"];

/** WebGPU on SwiftShader, or, with GRADUS_TEST_GPU=1, on this machine's GPU; else why there is none. */
export async function openForTests(options: WebGpuOptions = {}): Promise<WebGpuBackend | string> {
  if (!process.env.GRADUS_TEST_GPU) {
    const place = places.find((path) => {
      try {
        accessSync(path);
        return true;
      } catch {
        return false;
      }
    });
    if (!place) return "no SwiftShader: install Debian's chromium";
    process.env.VK_ICD_FILENAMES ??= place;
    process.env.XDG_RUNTIME_DIR ??= tmpdir(); // where it is missing, Vulkan's loader complains
  }
  return WebGpuBackend.open(options);
}
