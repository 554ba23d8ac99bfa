import { loadTorchWeights, type Model, saveTorchWeights } from "@gradus/nn";
import { FormatError, type GradusError, loadSafetensors, ShapeError, type Source } from "@gradus/tensor";
import { configOf, configs } from "./config.ts";
import { resnet } from "./model.ts";

const strict = { strict: true };

/**
 * Sets a network's weights from a state dict in a `.safetensors` file: torchvision's (`resnet18` to `resnet152`), or one that
 * `saveWeights` wrote. Every array is used exactly once. FormatError for names that are missing or left over, ShapeError for arrays of
 * another shape, both saying which configurations the weights fit: weights of another network change nothing. Networks whose arrays are
 * alike (plain20 and resnet20, resnet50 and resnet50-paper) cannot be told apart.
 */
export async function loadWeights(model: Model, source: Source): Promise<void> {
  try {
    await loadTorchWeights(model, source, {}, strict);
  } catch (error) {
    const unfit = error instanceof FormatError || error instanceof ShapeError;
    if (!unfit || error.operation !== "loadTorchWeights") throw error; // the file is damaged
    throw new (error.constructor as typeof GradusError)("loadWeights", error.problem, await likelyMistake(source));
  }
}

/** Whose weights they may be. */
async function likelyMistake(source: Source): Promise<string> {
  const arrays = await loadSafetensors(source);
  const classes = arrays["fc.weight"]?.shape[0];
  const found: string[] = [];
  if (classes)
    for (const name of Object.keys(configs).filter((name) => alike(name, Object.keys(arrays)))) {
      const fits = loadTorchWeights(resnet(configOf(name, { classes })), source, {}, strict);
      if (
        await fits.then(
          () => true,
          () => false,
        )
      )
        found.push(name);
    }
  if (found.length) return `The weights fit ${found.join(" or ")}, for ${classes} classes`;
  const [first = ""] = Object.keys(arrays);
  const prefix = first.slice(0, first.indexOf(".") + 1);
  const wrapped = prefix && !/^(conv1|bn1|layer\d+|fc)\.$/.test(prefix) && Object.keys(arrays).every((name) => name.startsWith(prefix));
  if (wrapped)
    return `All names in the file begin with ${prefix}, those of torchvision's networks with conv1, bn1, layer1 to layer4 and fc`;
  return "The weights fit no network that is known here by name";
}

/** Whether a configuration has the same kind and numbers of blocks. */
function alike(name: string, arrays: readonly string[]): boolean {
  const { blocks, block } = configs[name]!;
  const stages = [1, 2, 3, 4].map(
    (stage) => new Set(arrays.flatMap((a) => (a.startsWith(`layer${stage}.`) ? [a.split(".")[1]] : []))).size,
  );
  const bottleneck = arrays.includes("layer1.0.conv3.weight");
  return stages.filter(Boolean).join() === blocks.join() && bottleneck === (block === "bottleneck");
}

/** Writes a network's weights under torchvision's names: `net.load_state_dict(safetensors.torch.load_file(path))`. */
export const saveWeights = (model: Model, path: string): Promise<void> => saveTorchWeights(model, path);
