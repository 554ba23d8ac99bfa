// Makes the files of lesson 16: pictures out of Tux Paint's stamps, errors by depth out of four runs of training, and the door.
//   node course/16-resnet/make.ts FOLDER/OF/STAMPS [FOLDER/OF/RUNS]
// (Debian's package tuxpaint-stamps-default puts stamps into /usr/share/tuxpaint/stamps; rsvg-convert of librsvg2-bin draws the SVG
// ones.) What it makes, under which licence, and the commands of the runs are in README.md.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, encodePng, resizeImage } from "@gradus/data";
import { Model } from "@gradus/nn";
import { loadClassifier, parseDescription } from "@gradus/systems/resnet";
import { type ArrayData, array, type Tensor } from "@gradus/tensor";

const [stamps = "/usr/share/tuxpaint/stamps", runs = "runs/depth"] = process.argv.slice(2);
const files = fileURLToPath(new URL("files/", import.meta.url));
const size = 64;

type Colour = readonly [red: number, green: number, blue: number];

/** What is behind a thing: colours at the top, above and below the horizon, and at the bottom. */
const grounds = {
  sky: [
    [96, 150, 210],
    [150, 190, 228],
    [168, 202, 234],
    [205, 222, 240],
  ],
  meadow: [
    [170, 196, 214],
    [196, 206, 190],
    [128, 150, 84],
    [92, 120, 56],
  ],
  sea: [
    [160, 196, 226],
    [206, 222, 234],
    [70, 116, 150],
    [40, 84, 122],
  ],
  street: [
    [186, 196, 206],
    [202, 202, 198],
    [140, 140, 140],
    [112, 112, 114],
  ],
  leaves: [
    [84, 96, 50],
    [96, 108, 60],
    [104, 98, 62],
    [80, 76, 48],
  ],
  room: [
    [186, 170, 150],
    [194, 178, 158],
    [150, 118, 90],
    [130, 100, 76],
  ],
} satisfies Record<string, readonly [Colour, Colour, Colour, Colour]>;

/** CIFAR-10's classes, and at the end things of none of them. */
const chosen: readonly (readonly [kind: string, ground: keyof typeof grounds, stamps: string])[] = [
  ["airplane", "sky", "vehicles/flight/planes/plane.svg vehicles/flight/planes/747.png military/vehicles/mustang.svg"],
  ["airplane", "sky", "military/vehicles/f22_raptor.png"],
  ["automobile", "street", "vehicles/auto/sportscar3.svg vehicles/auto/beetle.png vehicles/auto/sportscar2.png"],
  ["automobile", "street", "vehicles/auto/sportscar.svg vehicles/auto/sedan.png"],
  ["bird", "sky", "animals/birds/heron_greatblue_flying.png animals/birds/pelican.png animals/birds/silver-gull.png"],
  ["bird", "leaves", "animals/birds/lark.png animals/birds/rainbow-lorikeet.png animals/birds/adelaide-rosella.png"],
  ["bird", "meadow", "animals/birds/blackbird.png animals/birds/crow.png animals/birds/magpie.png animals/birds/nandou.png"],
  ["bird", "meadow", "animals/birds/ostrich.png animals/birds/pigeon.png animals/birds/crowned_crane.png"],
  ["bird", "sea", "animals/birds/duck.png animals/birds/gander.png"],
  ["cat", "room", "animals/mammals/cats/kitten.svg"],
  ["deer", "meadow", "animals/mammals/deer/wapiti.png animals/mammals/deer/doe.png animals/mammals/deer/caribou.png"],
  ["deer", "leaves", "animals/mammals/deer/deer.png"],
  ["dog", "meadow", "animals/mammals/dogs/dog.png animals/mammals/dogs/dingo.png"],
  ["frog", "leaves", "animals/amphibians/frog.png animals/amphibians/frog-1.png"],
  ["horse", "meadow", "animals/mammals/equines/horse.png"],
  ["ship", "sea", "vehicles/ship/walnutBoat.png vehicles/ship/chineseJunk.png vehicles/ship/sail_boat1.svg vehicles/ship/sail_boat2.svg"],
  ["truck", "street", "vehicles/garbagetruck.png vehicles/emergency/firetruck.png vehicles/blue_truck.svg vehicles/auto/truck.png"],
  ["truck", "street", "vehicles/iso_lorry1.svg vehicles/iso_lorry3.svg vehicles/construction/cartoon/terex.png"],
  ["tiger", "leaves", "animals/mammals/cats/tiger.png"],
  ["zebra", "meadow", "animals/mammals/equines/zebra.png"],
  ["donkey", "meadow", "animals/mammals/equines/donkey.png"],
  ["fox", "leaves", "animals/mammals/dogs/fox.png"],
  ["racing car", "street", "vehicles/race/f1_car.svg"],
  ["bus", "street", "vehicles/masstransit/green_korean_bus.png"],
];

const large = 4 * size;
const mixed = (a: number, b: number, share: number): number => Math.round(a + (b - a) * share);

/** A stamp, as large as fits with a margin, standing in front of a ground: uint8 [64, 64, 3]. */
async function picture(stamp: string, ground: keyof typeof grounds): Promise<ArrayData> {
  const path = join(stamps, stamp);
  const bytes = path.endsWith(".svg")
    ? execFileSync("rsvg-convert", ["--keep-aspect-ratio", "-w", "512", "-h", "512", path])
    : readFileSync(path);
  const image = await decodeImage(new Uint8Array(bytes), { channels: 4 });
  const [height, width] = image.shape as [number, number];
  const scale = (0.88 * large) / Math.max(height, width);
  const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
  const source = premultiplied(image);
  const scaled = resizeImage(source, [h, w], { method: "bilinear" }).data as Uint8Array;
  const colours = grounds[ground];
  const data = new Uint8Array(large * large * 3);
  const horizon = 0.55 * large;
  // Things that fly are in the middle; others stand near the lower edge.
  const top = ground === "sky" ? Math.round((large - h) / 2) : Math.min(Math.round(0.92 * large) - h, Math.round((large - h) * 0.72));
  const left = Math.round((large - w) / 2);
  for (let y = 0; y < large; y++) {
    const above = y < horizon;
    const share = above ? y / horizon : (y - horizon) / (large - horizon);
    for (let x = 0; x < large; x++) {
      const inside = y >= top && y < top + h && x >= left && x < left + w;
      const at = 4 * ((y - top) * w + x - left);
      for (let c = 0; c < 3; c++) {
        const behind = mixed(colours[above ? 0 : 2]![c]!, colours[above ? 1 : 3]![c]!, share);
        data[3 * (y * large + x) + c] = inside ? Math.min(255, scaled[at + c]! + (behind * (255 - scaled[at + 3]!)) / 255) : behind;
      }
    }
  }
  return resizeImage({ dtype: "uint8", shape: [large, large, 3], data }, [size, size], { method: "bilinear" });
}

/** Colours times opacity, so that what is invisible does not bleed into what is seen. */
function premultiplied(image: ArrayData): ArrayData {
  const data = Uint8Array.from(image.data as Uint8Array);
  for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) data[i + c] = Math.round((data[i + c]! * data[i + 3]!) / 255);
  return { dtype: "uint8", shape: image.shape, data };
}

const pictures: Uint8Array[] = [];
const names: { readonly kind: string; readonly stamp: string }[] = [];
for (const [kind, ground, list] of chosen)
  for (const stamp of list.split(" ")) {
    pictures.push((await picture(stamp, ground)).data as Uint8Array);
    names.push({ kind, stamp });
  }
const sheet = new Uint8Array(Buffer.concat(pictures));
writeFileSync(join(files, "pictures.png"), await encodePng({ dtype: "uint8", shape: [names.length * size, size, 3], data: sheet }));
writeFileSync(join(files, "pictures.json"), `${JSON.stringify(names, null, 1)}\n`);
console.log(`${names.length} pictures`);

// ---------------------------------------------------------------------------------------------------------- errors by depth

const networks = ["plain20", "plain56", "resnet20", "resnet56"];
const recordOf = (name: string) => join(runs, name, "weights.json");
if (networks.every((name) => existsSync(recordOf(name)))) {
  const depth = networks.map((config) => {
    const { history } = JSON.parse(readFileSync(recordOf(config), "utf8")) as { history: { accuracy: number[] } };
    return { config, error: history.accuracy.map((a) => Number((1 - a).toFixed(4))) };
  });
  writeFileSync(join(files, "depth.json"), `${JSON.stringify(depth)}\n`);
} else console.log(`There are no runs of ${networks.join(", ")} in ${runs}: depth.json stays as it is.`);

// ----------------------------------------------------------------------------------------------------------------- the door

const weights = fileURLToPath(new URL("../../packages/systems/resnet/weights/", import.meta.url));
const classifier = await loadClassifier(
  parseDescription(readFileSync(`${weights}resnet20.json`, "utf8"), "resnet20.json"),
  `${weights}resnet20.safetensors`,
);
const horse = names.findIndex((n) => n.kind === "horse");
const shown: ArrayData = { dtype: "uint8", shape: [size, size, 3], data: pictures[horse]! };
const net = classifier.model;
const x = array(classifier.prepare(shown)).expandDims();

const [wide, high, margin, tile] = [880, 264, 12, 54];
const door = new Uint8Array(wide * high * 3).fill(18);
const paint = (top: number, left: number, side: number, colour: (row: number, column: number) => Colour) => {
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) door.set(colour(y / side, x / side), 3 * ((top + y) * wide + left + x));
};
const seen = resizeImage(shown, [32, 32], { method: "bilinear" }).data as Uint8Array;
const tall = high - 2 * margin;
paint(margin, margin, tall, (row, column) => {
  const at = 3 * (32 * Math.floor(32 * row) + Math.floor(32 * column));
  return [seen[at]!, seen[at + 1]!, seen[at + 2]!];
});

/** From nothing over a little to much. */
const scale: readonly Colour[] = [
  [22, 26, 46],
  [62, 84, 160],
  [232, 150, 70],
  [255, 244, 222],
];
const coloured = (v: number): Colour => {
  const at = Math.min(2.999, 3 * v);
  const [a, b] = [scale[Math.floor(at)]!, scale[Math.floor(at) + 1]!];
  return [0, 1, 2].map((c) => mixed(a[c]!, b[c]!, at % 1)) as unknown as Colour;
};
const space = (tall - 4 * tile) / 3;
for (const [stage, name] of ["layer1.1", "layer2.1", "layer3.1"].entries()) {
  const maps = new Model({ inputs: net.input, outputs: net.getLayer(name).output }).call(x) as Tensor;
  const [, side, , channels] = maps.shape as [number, number, number, number];
  const data = (await maps.data()) as Float32Array;
  // The liveliest channels first.
  const channel = (k: number) => Float32Array.from({ length: side * side }, (_, i) => data[i * channels + k]!);
  const liveliness = (k: number) => Math.max(...channel(k)) - channel(k).reduce((a, b) => a + b, 0) / (side * side);
  const order = Array.from({ length: channels }, (_, k) => k).sort((a, b) => liveliness(b) - liveliness(a));
  for (let i = 0; i < 12; i++) {
    const values = channel(order[i]!);
    const most = Math.max(...values, 1e-6);
    const left = margin + tall + 28 + stage * (3 * (tile + space) + 20) + (i % 3) * (tile + space);
    paint(Math.round(margin + Math.floor(i / 3) * (tile + space)), Math.round(left), tile, (row, column) =>
      coloured(values[side * Math.floor(side * row) + Math.floor(side * column)]! / most),
    );
  }
}
writeFileSync(join(files, "door.png"), await encodePng({ dtype: "uint8", shape: [high, wide, 3], data: door }));
