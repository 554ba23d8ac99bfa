// The reference's pages: which files of the packages each shows.
import type { ModuleName } from "../../src/lib/modules.ts";

export interface Contents {
  readonly module: ModuleName;
  readonly slug: string;
  readonly title: string;
  /** Beginnings of paths below the folder of the package's index.ts, or beside it. */
  readonly files: readonly string[];
}

export const contents: readonly Contents[] = [
  {
    module: "tensor",
    slug: "arrays",
    title: "Arrays and their types",
    files: ["graph/tensor", "array-data", "dtype", "shape", "ops/core"],
  },
  { module: "tensor", slug: "creation", title: "Making arrays", files: ["ops/creation"] },
  { module: "tensor", slug: "indexing", title: "Indexing", files: ["ops/indexing"] },
  { module: "tensor", slug: "shapes", title: "Changing shapes", files: ["ops/manipulation"] },
  { module: "tensor", slug: "elementwise", title: "Elementwise functions", files: ["ops/elementwise"] },
  { module: "tensor", slug: "statistics", title: "Sums and statistics", files: ["ops/statistics"] },
  { module: "tensor", slug: "searching", title: "Sorting, searching and sets", files: ["ops/searching", "ops/sets"] },
  { module: "tensor", slug: "products", title: "Products", files: ["ops/contraction"] },
  { module: "tensor", slug: "linalg", title: "Linear algebra", files: ["ops/linalg"] },
  { module: "tensor", slug: "random", title: "Random numbers", files: ["ops/random"] },
  { module: "tensor", slug: "gradients", title: "Gradients", files: ["graph/autodiff", "graph/tree"] },
  { module: "tensor", slug: "activations", title: "Activations", files: ["ops/activations"] },
  {
    ...{ module: "tensor", slug: "networks", title: "Building blocks of networks" },
    files: ["ops/nn", "ops/attention", "ops/convolution", "ops/pooling", "ops/normalization", "ops/losses", "ops/resize"],
  },
  {
    ...{ module: "tensor", slug: "programs", title: "Devices and compiled programs" },
    files: [
      "graph/init",
      "graph/compile",
      "graph/inspect",
      "graph/debug",
      "graph/engine",
      "graph/abstract",
      "graph/node",
      "graph/primitives",
    ],
  },
  { module: "tensor", slug: "files", title: "Files and printing", files: ["io"] },
  { module: "tensor", slug: "errors", title: "Errors", files: ["errors"] },
  {
    module: "nn",
    slug: "models",
    title: "Models",
    files: ["model", "input", "symbolic", "training/trainer", "training/history", "summary"],
  },
  {
    ...{ module: "nn", slug: "layers", title: "Layers: dense, shapes, and how to write one" },
    files: [
      "layer",
      "layers/dense",
      "layers/arguments",
      "layers/einsum-dense",
      "layers/embedding",
      "layers/lambda",
      "layers/shaping",
      "layers/merging",
    ],
  },
  {
    ...{ module: "nn", slug: "convolution", title: "Layers: convolution and pooling" },
    files: ["layers/convolution", "layers/pooling"],
  },
  {
    module: "nn",
    slug: "sequences",
    title: "Layers: recurrence and attention",
    files: ["layers/recurrent", "layers/attention", "layers/positional", "layers/wrapping"],
  },
  {
    ...{ module: "nn", slug: "regularization", title: "Layers: activation, normalisation, dropout" },
    files: ["layers/activation", "layers/normalization", "layers/regularization"],
  },
  {
    ...{ module: "nn", slug: "preprocessing", title: "Layers: images, text and tables" },
    files: ["layers/images", "layers/augmentation", "layers/encoding", "layers/text"],
  },
  { module: "nn", slug: "losses", title: "Losses", files: ["losses"] },
  { module: "nn", slug: "metrics", title: "Metrics", files: ["metrics"] },
  { module: "nn", slug: "optimizers", title: "Optimizers and schedules", files: ["optimizers"] },
  {
    ...{ module: "nn", slug: "training", title: "Callbacks" },
    files: ["training"],
  },
  {
    ...{ module: "nn", slug: "weights", title: "Initializers, regularizers, constraints, activations" },
    files: ["initializers", "regularizers", "constraints", "activations", "context", "seed"],
  },
  { module: "nn", slug: "files", title: "Files: Keras, PyTorch, ONNX", files: ["files", "onnx", "serialize", "index"] },
  { module: "data", slug: "datasets", title: "Data sets", files: ["dataset", "random"] },
  { module: "data", slug: "tables", title: "Tables", files: ["table"] },
  { module: "data", slug: "catalog", title: "Known data sets, and made ones", files: ["catalog", "synthetic"] },
  { module: "data", slug: "images", title: "Images", files: ["images"] },
  { module: "data", slug: "formats", title: "File formats", files: ["formats"] },
  {
    module: "notebook",
    slug: "showing",
    title: "Showing values, tables, images",
    files: ["show/show", "show/values", "show/images", "output", "file"],
  },
  { module: "notebook", slug: "plots", title: "Plots", files: ["show/plot"] },
  { module: "notebook", slug: "inputs", title: "Sliders and progress", files: ["show/inputs", "show/progress", "show/training"] },
  { module: "notebook", slug: "checks", title: "Checks of exercises", files: ["check"] },
  {
    ...{ module: "systems/resnet", slug: "resnet", title: "ResNet" },
    files: ["config", "model", "classify", "preprocess", "data", "train", "weights"],
  },
  {
    ...{ module: "systems/diffusion", slug: "diffusion", title: "Text to image: networks, drawing, files" },
    files: [
      ...["unet", "dit", "transformer", "autoencoder", "clip", "clip-tokenizer", "config", "pipeline", "checks", "guidance"],
      ...["stable-diffusion", "parameters", "weights", "folder", "denoiser", "denoising", "reconstruction", "fidelity"],
    ],
  },
  { module: "systems/diffusion", slug: "samplers", title: "Text to image: schedules and samplers", files: ["schedule", "samplers"] },
  {
    ...{ module: "systems/diffusion/scenes", slug: "scenes", title: "Text to image: scenes" },
    files: ["config", "detector", "evaluate", "judge", "model", "scene", "statement", "train", "words", "index"],
  },
  {
    ...{ module: "systems/fold/network", slug: "fold-network", title: "AlphaFold: the network, folding, training" },
    files: [
      ...["attention", "embed", "evoformer", "features", "frames", "heads", "ipa", "layers", "model", "msa", "parameters", "structure"],
      ...["templates", "transition", "triangle", "truth", "index"],
      ...["../config", "../estimate", "../fold", "../losses", "../predict", "../train", "../trained", "../training", "../weights"],
    ],
  },
  {
    ...{ module: "systems/fold", slug: "fold", title: "AlphaFold: chains, features, scores" },
    files: ["features", "generate", "relax", "scores", "constants", "data", "databases", "index"],
  },
  { module: "systems/fold", slug: "fold-files", title: "AlphaFold: files of structures and alignments", files: ["io"] },
  {
    ...{ module: "systems/gpt", slug: "gpt", title: "GPT: networks, training, files" },
    files: ["config", "model", "linear", "data", "train", "finetune", "files", "language-model", "weights", "quantize", "huggingface"],
  },
  { module: "systems/gpt", slug: "generation", title: "GPT: generating and scoring texts", files: ["generate", "sampling", "decoder"] },
  {
    ...{ module: "systems/gpt", slug: "bert", title: "BERT: hidden tokens, vectors of texts" },
    files: ["bert", "bert-weights", "masked-model", "fill-mask"],
  },
  {
    ...{ module: "systems/gpt/tokenizers", slug: "tokenizers", title: "GPT: tokenizers" },
    files: ["index", "tokenizer", "characters", "bpe", "train-bpe", "pattern", "huggingface"],
  },
  {
    ...{ module: "systems/zero", slug: "zero", title: "AlphaZero: networks, training, players" },
    files: [
      ...["config", "model", "network", "files", "train", "learner", "self-play", "replay", "elo"],
      ...["player", "network-player", "clock", "match"],
    ],
  },
  { module: "systems/zero", slug: "search", title: "AlphaZero: search", files: ["search"] },
  { module: "systems/zero", slug: "games", title: "AlphaZero: games", files: ["games"] },
  { module: "systems/zero/chess", slug: "chess", title: "AlphaZero: chess", files: ["chess", "draw"] },
  { module: "systems/zero", slug: "protocols", title: "AlphaZero: protocols and records", files: ["protocols", "records"] },
];

/** The part of a page's address that says where it belongs. */
export const packageOf = ({ module }: Contents): string => module.split("/")[0]!;

/** The page of a file; the longest beginning that fits wins. */
export function pageOf(name: ModuleName, file: string): Contents | undefined {
  let best: Contents | undefined;
  let length = -1;
  for (const page of contents)
    for (const start of page.files) {
      const fits = page.module === name && (file === `${start}.ts` || file.startsWith(`${start}/`));
      if (fits && start.length > length) [best, length] = [page, start.length];
    }
  return best;
}
