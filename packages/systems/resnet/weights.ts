import { loadTorchWeights, type Model, saveTorchWeights } from "@gradus/nn";
import type { Source } from "@gradus/tensor";

/**
 * Sets a network's weights from a state dict in a `.safetensors` file: torchvision's (`resnet18` to `resnet152`), or one that
 * `saveWeights` wrote. Every array is used exactly once. FormatError for names that are missing or left over, ShapeError for arrays of
 * another shape: weights of another network change nothing. Networks whose arrays are alike (plain20 and resnet20, resnet50 and
 * resnet50-paper) cannot be told apart.
 */
export const loadWeights = (model: Model, source: Source): Promise<void> => loadTorchWeights(model, source, {}, { strict: true });

/** Writes a network's weights under torchvision's names: `net.load_state_dict(safetensors.torch.load_file(path))`. */
export const saveWeights = (model: Model, path: string): Promise<void> => saveTorchWeights(model, path);
