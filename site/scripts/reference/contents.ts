// The reference's pages: which files of the packages each shows.

export interface Contents {
  readonly package: "tensor" | "nn" | "data" | "notebook";
  readonly slug: string;
  readonly title: string;
  /** Beginnings of paths below the package's src/. */
  readonly files: readonly string[];
}

export const contents: readonly Contents[] = [
  {
    package: "tensor",
    slug: "arrays",
    title: "Arrays and their types",
    files: ["graph/tensor", "array-data", "dtype", "shape", "ops/core"],
  },
  { package: "tensor", slug: "creation", title: "Making arrays", files: ["ops/creation"] },
  { package: "tensor", slug: "indexing", title: "Indexing", files: ["ops/indexing"] },
  { package: "tensor", slug: "shapes", title: "Changing shapes", files: ["ops/manipulation"] },
  { package: "tensor", slug: "elementwise", title: "Elementwise functions", files: ["ops/elementwise"] },
  { package: "tensor", slug: "statistics", title: "Sums and statistics", files: ["ops/statistics"] },
  { package: "tensor", slug: "searching", title: "Sorting, searching and sets", files: ["ops/searching", "ops/sets"] },
  { package: "tensor", slug: "products", title: "Products", files: ["ops/contraction"] },
  { package: "tensor", slug: "linalg", title: "Linear algebra", files: ["ops/linalg"] },
  { package: "tensor", slug: "random", title: "Random numbers", files: ["ops/random"] },
  { package: "tensor", slug: "gradients", title: "Gradients", files: ["graph/autodiff", "graph/tree"] },
  { package: "tensor", slug: "activations", title: "Activations", files: ["ops/activations"] },
  {
    ...{ package: "tensor", slug: "networks", title: "Building blocks of networks" },
    files: ["ops/nn", "ops/attention", "ops/convolution", "ops/pooling", "ops/normalization", "ops/losses", "ops/resize"],
  },
  {
    ...{ package: "tensor", slug: "programs", title: "Devices and compiled programs" },
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
  { package: "tensor", slug: "files", title: "Files and printing", files: ["io"] },
  { package: "tensor", slug: "errors", title: "Errors", files: ["errors"] },
  {
    package: "nn",
    slug: "models",
    title: "Models",
    files: ["model", "input", "symbolic", "training/trainer", "training/history", "summary"],
  },
  {
    ...{ package: "nn", slug: "layers", title: "Layers: dense, shapes, and how to write one" },
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
    ...{ package: "nn", slug: "convolution", title: "Layers: convolution and pooling" },
    files: ["layers/convolution", "layers/pooling"],
  },
  {
    package: "nn",
    slug: "sequences",
    title: "Layers: recurrence and attention",
    files: ["layers/recurrent", "layers/attention", "layers/positional", "layers/wrapping"],
  },
  {
    ...{ package: "nn", slug: "regularization", title: "Layers: activation, normalisation, dropout" },
    files: ["layers/activation", "layers/normalization", "layers/regularization"],
  },
  {
    ...{ package: "nn", slug: "preprocessing", title: "Layers: images, text and tables" },
    files: ["layers/images", "layers/augmentation", "layers/encoding", "layers/text"],
  },
  { package: "nn", slug: "losses", title: "Losses", files: ["losses"] },
  { package: "nn", slug: "metrics", title: "Metrics", files: ["metrics"] },
  { package: "nn", slug: "optimizers", title: "Optimizers and schedules", files: ["optimizers"] },
  {
    ...{ package: "nn", slug: "training", title: "Callbacks" },
    files: ["training"],
  },
  {
    ...{ package: "nn", slug: "weights", title: "Initializers, regularizers, constraints, activations" },
    files: ["initializers", "regularizers", "constraints", "activations", "context", "seed"],
  },
  { package: "nn", slug: "files", title: "Files: Keras, PyTorch, ONNX", files: ["files", "onnx", "serialize", "index"] },
  { package: "data", slug: "datasets", title: "Data sets", files: ["dataset", "random"] },
  { package: "data", slug: "tables", title: "Tables", files: ["table"] },
  { package: "data", slug: "catalog", title: "Known data sets, and made ones", files: ["catalog", "synthetic"] },
  { package: "data", slug: "images", title: "Images", files: ["images"] },
  { package: "data", slug: "formats", title: "File formats", files: ["formats"] },
  {
    package: "notebook",
    slug: "showing",
    title: "Showing values, tables, images",
    files: ["show/show", "show/values", "show/images", "output", "file"],
  },
  { package: "notebook", slug: "plots", title: "Plots", files: ["show/plot"] },
  { package: "notebook", slug: "inputs", title: "Sliders and progress", files: ["show/inputs", "show/progress", "show/training"] },
  { package: "notebook", slug: "checks", title: "Checks of exercises", files: ["check"] },
];

/** The page of a file; the longest beginning that fits wins. */
export function pageOf(name: Contents["package"], file: string): Contents | undefined {
  let best: Contents | undefined;
  let length = -1;
  for (const page of contents)
    for (const start of page.files) {
      const fits = page.package === name && (file === `${start}.ts` || file.startsWith(`${start}/`));
      if (fits && start.length > length) [best, length] = [page, start.length];
    }
  return best;
}
