import { setImmediate } from "node:timers/promises";
import {
  arange,
  compile,
  grad,
  init,
  linspace,
  matmul,
  random,
  softmaxCrossEntropy,
  stack,
  type Tensor,
  tensor,
  valueAndGrad,
  variable,
  zeros,
} from "@gradus/tensor";
import { type Flower, irises, species } from "../iris.ts";
import { gridPlot, linePlot } from "../plot.ts";
import { bar, heading, indented, line, shown, styled } from "../terminal.ts";

/** `gradus tour`: what the library is like, in less than a minute. */
export async function tour({ quick = false }: { quick?: boolean }): Promise<void> {
  // The tour prints arrays as it goes, which a GPU's cannot be without waiting.
  const { description } = await init({ device: "wasm" });
  line(`\n${styled("bold", "Gradus")}: deep learning in TypeScript, step by step.`);
  line(styled("dim", `Computing with ${description}.`));
  arrays();
  gradients();
  await training(quick ? 500 : 8000);
  line(`\n${styled("bold", "Where to go next")}`);
  line("  packages/tensor/README.md           arrays and gradients in ten minutes");
  line("  packages/nn/README.md               networks, for those who know Keras");
  line("  packages/cli/src/commands/tour.ts   the code of this tour");
  line("  docs/architecture.md                how it works inside\n");
}

function arrays(): void {
  heading(1, "Arrays");
  line("\n  Arrays work as NumPy's do, under the same names.");
  const x = arange(12).reshape([3, 4]);
  shown("const x = arange(12).reshape([3, 4])", x);
  shown('x.get("1:, ::-1")                  // slices are written as in Python', x.get("1:, ::-1"));
  shown("x.sub(x.mean({ axis: 0 }))         // shapes broadcast", x.sub(x.mean({ axis: 0 })));
  shown("matmul(x, x.T)                     // any dimensions, on every core", matmul(x, x.T));
}

function gradients(): void {
  heading(2, "Gradients");
  line("\n  Write a function; its derivative is another function.");
  const f = (x: Tensor) => x.sin().mul(x).sum();
  const at = tensor([0, 1, 2], { dtype: "float32" });
  shown("const f = (x) => x.sin().mul(x).sum()");
  shown('grad(f)(tensor([0, 1, 2], { dtype: "float32" }))', grad(f)(at));
  shown("at.cos().mul(at).add(at.sin())     // the same by hand: x cos x + sin x", at.cos().mul(at).add(at.sin()));
}

/** Two layers, 2 → 16 → 3, by plain gradient descent with momentum. */
async function training(steps: number): Promise<void> {
  heading(3, "Training");
  line("\n  Three species of iris, 150 flowers measured in the 1930s (Fisher, 1936). Can a");
  line("  network of 99 numbers tell the species from the size of a petal? It learns");
  line("  from 120 of them; the other 30 are kept back to examine it.");

  const [shuffleKey, weightsKey, outputKey] = random.split(random.randomKey(7), 3) as [Tensor, Tensor, Tensor];
  const flowers = irises();
  const order = (await random.permutation(shuffleKey, flowers.length).tolist()) as number[];
  const shuffled = order.map((i) => flowers[i]!);
  const [known, unseen] = [shuffled.slice(0, 120), shuffled.slice(120)];
  const x = tensor(known.map((f) => f.petal));
  const y = tensor(known.map((f) => f.species));
  const [mean, std] = [x.mean({ axis: 0 }).realize(), x.std({ axis: 0 }).realize()];

  const W1 = variable(random.normal(weightsKey, [2, 16]));
  const b1 = variable(zeros([16]));
  const W2 = variable(random.normal(outputKey, [16, 3]).mul(0.25));
  const b2 = variable(zeros([3]));
  const weights = [W1, b1, W2, b2];
  const speeds = weights.map((w) => variable(zeros(w.shape)));
  const hidden = (x: Tensor) => x.sub(mean).div(std).matmul(W1).add(b1).tanh();
  const network = (x: Tensor) => hidden(x).matmul(W2).add(b2);

  shown("const hidden = (x) => x.sub(mean).div(std).matmul(W1).add(b1).tanh()");
  shown("const network = (x) => hidden(x).matmul(W2).add(b2)");
  shown("const step = compile((x, y) => { ... })    // traced once, then replayed");
  const step = compile((x: Tensor, y: Tensor) => {
    const [loss, slopes] = valueAndGrad(() => softmaxCrossEntropy(network(x), y), { wrt: weights })() as [Tensor, Tensor[]];
    weights.forEach((w, i) => {
      const speed = speeds[i]!.mul(0.9).add(slopes[i]!);
      speeds[i]!.assign(speed);
      w.assign(w.sub(speed.mul(0.001)));
    });
    return loss;
  });

  line();
  const losses: number[] = [];
  const progress = bar("    {bar} {percentage}%  loss {loss}  {eta_formatted} left");
  const start = performance.now();
  for (let i = 1; i <= steps; i++) {
    losses.push(await step(x, y).item());
    if (i % 10 === 0 || i === steps) {
      progress.update(i, steps, { loss: losses.at(-1)!.toFixed(3) });
      await setImmediate(); // lets the bar be drawn
    }
  }
  progress.stop();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  line(`    ${steps} steps in ${seconds} s; loss ${losses[0]!.toFixed(3)} → ${losses.at(-1)!.toFixed(3)}\n`);
  line(indented(linePlot(losses, { label: "steps", height: 7 })));

  const predict = async (petals: Tensor) => (await network(petals).argmax({ axis: -1 }).data()) as Int32Array;
  const answers = await predict(tensor(unseen.map((f) => f.petal)));
  const right = unseen.filter((f, i) => f.species === answers[i]).length;
  heading(4, "What it learned");
  line(`\n  It names ${styled("bold", `${right} of the ${unseen.length}`)} flowers it has never seen. Letters are these`);
  line("  flowers; behind them, what it would answer for a petal of any size:\n");
  line(indented(await map(unseen, answers, predict)));
}

const colours = ["magenta", "cyan", "yellow"] as const;
const letters = ["s", "c", "v"] as const;
const grounds = [" ", "·", ":"] as const;

/** The network's answer for every size of a petal, and on top the flowers, in capitals where the network is wrong. */
async function map(
  flowers: readonly Flower[],
  answers: ArrayLike<number>,
  predict: (petals: Tensor) => Promise<Int32Array>,
): Promise<string> {
  const [width, height] = [60, 12];
  const [xRange, yRange] = [
    [1, 7],
    [0, 2.6],
  ] as const;
  const length = linspace(xRange[0], xRange[1], width).broadcastTo([height, width]);
  const breadth = linspace(yRange[1], yRange[0], height).reshape([height, 1]).broadcastTo([height, width]);
  const classes = await predict(stack([length, breadth], { axis: -1 }).reshape([-1, 2]));
  const rows = Array.from({ length: height }, (_, r) =>
    Array.from({ length: width }, (_, c) => {
      const k = classes[r * width + c]!;
      return styled(["dim", colours[k]!], grounds[k]!);
    }),
  );
  const cell = (v: number, [low, high]: readonly [number, number], n: number) => Math.round(((v - low) / (high - low)) * (n - 1));
  const marks = flowers.map((f, i) => ({ f, wrong: f.species !== answers[i] })).sort((a, b) => Number(a.wrong) - Number(b.wrong));
  marks.forEach(({ f, wrong }) => {
    const letter = letters[f.species]!;
    const text = wrong ? letter.toUpperCase() : letter;
    rows[height - 1 - cell(f.petal[1], yRange, height)]![cell(f.petal[0], xRange, width)] = styled(["bold", colours[f.species]!], text);
  });
  const key = species.map(
    (name, k) =>
      `${styled(["bold", colours[k]!], letters[k]!)} ${name} ${styled(colours[k]!, `(${grounds[k] === " " ? "blank" : grounds[k]})`)}`,
  );
  const plot = gridPlot(rows, { xRange, yRange, xLabel: "petal length, cm", yLabel: "petal width, cm" });
  return `${plot}\n\n       ${key.join("   ")}   CAPITAL wrong`;
}
