import { readFileSync } from "node:fs";
import { compile, FormatError, GradusError, Tensor, tensor, valueAndGrad } from "@gradus/tensor";
import { describe, expect, test } from "vitest";
import { importOnnx, loadModel, onnxBytes } from "../../src/index.ts";
import { decodeModel, encodeModel, type GraphProto } from "../../src/onnx/protobuf.ts";
import { expectClose, type Stored } from "../check.ts";

const listOf = (result: unknown): Tensor[] => (result instanceof Tensor ? [result] : (Object.values(result as object) as Tensor[]));

describe("reading files of others", () => {
  const pathOf = (name: string): string => new URL(name, import.meta.url).pathname;
  const { input, outputs } = JSON.parse(readFileSync(pathOf("onnx.golden.json"), "utf8")) as { input: Stored; outputs: Stored[] };
  const x = tensor([...input.data]).reshape(input.shape);

  test("a network exported by PyTorch gives PyTorch's numbers, and trains", async () => {
    const model = await importOnnx(pathOf("torch.onnx"));
    expect(model.inputNames).toEqual(["image"]);
    const results = listOf(model(x));
    results.forEach((y, i) => void expectClose(y, outputs[i]!, 3e-6));
    const loss = compile(() => {
      const [value, gradients] = valueAndGrad(() => (listOf(model(x))[0] as Tensor).get(":", 0).mean(), { wrt: model.trainableWeights })();
      model.trainableWeights.forEach((w, i) => w.assign(w.sub((gradients as Tensor[])[i]!.mul(0.5))));
      return value as Tensor;
    });
    const losses = Array.from({ length: 20 }, () => loss().dataSync()[0] as number);
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });

  test("an imported model is written to ONNX again, and says that other files cannot hold it", async () => {
    const model = await importOnnx(pathOf("torch.onnx"));
    const again = await importOnnx(await onnxBytes(model));
    listOf(again(x)).forEach((y, i) => void expectClose(y, outputs[i]!, 3e-6));
    await expect(model.save("/nowhere/x.safetensors")).rejects.toThrow("Write it with exportOnnx");
    await expect(loadModel(await onnxBytes(model))).rejects.toThrow("ONNX files are read with importOnnx");
  });

  test("unknown operators are listed all at once", async () => {
    const model = await decodeModel(new Uint8Array(readFileSync(pathOf("torch.onnx"))));
    model.graph!.node[0]!.opType = "Mystery";
    model.graph!.node[3]!.opType = "Riddle";
    model.graph!.node[4]!.domain = "org.other";
    await expect(importOnnx(await encodeModel(model))).rejects.toThrow(
      /operators that are not known here: Mystery, Riddle, org\.other\.\w+/,
    );
  });

  test("what is damaged is refused with a sentence", async () => {
    const edited = async (edit: (graph: GraphProto) => void): Promise<Uint8Array> => {
      const model = await decodeModel(new Uint8Array(readFileSync(pathOf("torch.onnx"))));
      edit(model.graph!);
      return encodeModel(model);
    };
    const cases: [RegExp, (graph: GraphProto) => void][] = [
      [/reads lost, which nothing before it makes/, (g) => void (g.node[2]!.input[0] = "lost")],
      [/which nothing before it makes/, (g) => void g.node.reverse()],
      [/nothing in the file makes its outputs gone/, (g) => void (g.output[0]!.name = "gone")],
      [/has .* numbers/, (g) => void (g.initializer[0]!.dims = [7n])],
      [/has shape/, (g) => void (g.initializer[0]!.dims = [-1n])],
      [/number type 77/, (g) => void (g.initializer[0]!.dataType = 77)],
      [/in another file/, (g) => void (g.initializer[0]!.dataLocation = 1)],
      [/holds no graph/, (g) => void g.node.splice(0)],
    ];
    for (const [message, edit] of cases) await expect(importOnnx(await edited(edit))).rejects.toThrow(message);
    await expect(importOnnx(new Uint8Array())).rejects.toBeInstanceOf(FormatError);
  });

  test("random damage gives a FormatError, or a model whose calls fail with an error of ours", async () => {
    const whole = new Uint8Array(readFileSync(pathOf("torch.onnx")));
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return seed % n;
    };
    for (let i = 0; i < 150; i++) {
      const bytes = i % 3 ? whole.slice() : whole.slice(0, random(whole.length));
      if (i % 3) for (let k = 0; k < 1 + (i % 5); k++) bytes[random(i % 2 ? bytes.length : 3000)] = random(256);
      try {
        const model = await importOnnx(bytes);
        listOf(model(x)).forEach((y) => void y.dataSync());
      } catch (error) {
        expect(error, `${i}: ${(error as Error).stack}`).toBeInstanceOf(GradusError);
      }
    }
  });
});
