import { join } from "node:path";
import { encodePng } from "@gradus/data";
import { type CaptionerEvent, evaluate, judge, parseCaption, scene, smallCaptioner, type Trained, train } from "@gradus/systems/gpt/vision";
import { makeFolder, saveFile } from "@gradus/tensor/io";
import { type CaptionedScene, type CaptionerRecord, captionerReport, percent } from "../reports/captioner.ts";
import { beginRun, trainingErrors, writeText } from "../run.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";
import { accuracyLine } from "./caption.ts";

const command = "gradus train captioner";

export interface TrainCaptionerOptions {
  readonly steps: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly scenes: number;
  readonly out: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** `gradus train captioner`: trains, can be stopped and goes on, and leaves weights, a record, a report and some pictures. */
export async function trainCaptioner(options: TrainCaptionerOptions): Promise<void> {
  const { steps, batchSize, rate, seed, scenes, out: folder, json = false } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const settings = { system: "captioner", config: smallCaptioner, steps, batchSize, rate, seed };
  const { checkpoint, resumed, end } = await beginRun(command, folder, settings, options.fresh);
  say(`${styled("bold", "captioner")}, ${steps} steps of ${batchSize} scenes, each seen once`);
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const trained = await follow(train({ steps, batchSize, rate, seed, checkpoint }), batchSize, json);
  const { captioner, history } = trained;
  const judging = bar("{what} {bar} {value}/{total}", json);
  const [unseen, heldOut] = [
    await evaluate(captioner, "unseen", { scenes, seed, report: (n, total) => judging.update(n, total, { what: "unseen scenes" }) }),
    await evaluate(captioner, "held-out", { scenes, seed, report: (n, total) => judging.update(n, total, { what: "held-out kinds" }) }),
  ];
  judging.stop();
  const seconds = Math.round(trained.seconds);
  const weights = captioner.network.countParams();
  const record: CaptionerRecord = {
    ...{ system: "captioner", config: smallCaptioner, weights, steps, batchSize, rate, seed },
    ...{ unseen, heldOut, seconds, resumed, command: `gradus ${process.argv.slice(2).join(" ")}`, history },
  };
  const shown = await captioned(trained, seed);
  await captioner.network.saveWeights(join(folder, "weights.safetensors"));
  await writeText(join(folder, "weights.json"), `${JSON.stringify(record, null, 1)}\n`);
  await writeText(join(folder, "report.html"), captionerReport(record, shown));
  await makeFolder(join(folder, "scenes"));
  for (const [i, { png }] of shown.entries()) await saveFile(join(folder, "scenes", `${i + 1}.png`), [png]);
  await end();
  tell({ event: "end", unseen, heldOut, seconds, folder });
  say("");
  for (const text of accuracyLine({ unseen, heldOut })) say(text);
  say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the network:`);
  say(`  gradus caption ${join(folder, "scenes", "*.png")} --model ${folder}`);
}

/** Shows a run's events as they come. */
async function follow(run: AsyncGenerator<CaptionerEvent, Trained>, batchSize: number, json: boolean): Promise<Trained> {
  const progress = bar("{bar} {percentage}% | {rate} scenes/s | loss {loss} | {left} left", json);
  let first: { readonly step: number; readonly at: number } | null = null;
  for (;;) {
    const { value: event, done } = await trainingErrors(command, () => run.next());
    if (done) {
      progress.stop();
      return event;
    }
    const { step, steps, loss } = event;
    const now = performance.now();
    first ??= { step, at: now };
    const rate = step > first.step ? (1000 * (step - first.step)) / (now - first.at) : 0;
    const left = rate ? timeLeft((steps - step) / rate) : "?";
    const ending = step < steps ? `  ${left} left` : "";
    if (event.kind === "progress") {
      progress.update(step, steps, { rate: Math.round(rate * batchSize), loss: loss.toFixed(3), left });
      continue;
    }
    const { kind: _, ...measured } = event;
    progress.above(() => {
      if (json) return line(JSON.stringify({ event: "measured", ...measured, scenesPerSecond: Math.round(rate * batchSize) }));
      line(
        `step ${String(step).padStart(String(steps).length)}/${steps}  loss ${loss.toFixed(3)}  right on unseen scenes: colour ${percent(event.colour)}, ` +
          `shape ${percent(event.shape)}, count ${percent(event.count)}, position ${percent(event.position)}${ending}`,
      );
    });
  }
}

/** Pictures for the report: two rows of unseen scenes, one of kinds never seen in training. */
async function captioned({ captioner }: Trained, seed: number): Promise<CaptionedScene[]> {
  const scenes = [...Array(18).keys()].map((i) => scene(seed, i < 12 ? "unseen" : "held-out", i));
  const said = await captioner.caption(scenes.map((s) => s.picture));
  return Promise.all(
    scenes.map(async ({ picture, caption, statement }, i) => ({
      ...{ png: await encodePng(picture), caption, said: said[i]!, heldOut: i >= 12 },
      right: judge(parseCaption(said[i]!), statement).exact,
    })),
  );
}
