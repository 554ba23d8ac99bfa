import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type Evaluation, evaluate, type Task, taskFrom, taskNames, taskOf, wordsOf } from "@gradus/systems/gpt/in-context";
import { ArgumentError } from "@gradus/tensor";
import { languageModel } from "../models.ts";
import { Pace } from "../run.ts";
import { fileProblem } from "../system-errors.ts";
import { bar, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus evaluate";

export interface EvaluateCommandOptions {
  readonly model?: string;
  readonly bits?: 8 | 4;
  readonly task: readonly string[];
  readonly shots: readonly number[];
  readonly by?: "likelihood" | "generation";
  readonly normalise: "token" | "unconditional" | "none";
  readonly examples?: number;
  readonly words?: string;
  readonly fewer?: boolean;
  readonly seed: number;
  readonly json?: boolean;
}

async function tasksOf({ task: names, words: file }: EvaluateCommandOptions): Promise<Task[]> {
  const words = file === undefined ? {} : { words: wordsOf(await textOf(file)) };
  const tasks: Task[] = [];
  for (const name of names.flatMap((n) => (n === "all" ? taskNames : [n])))
    tasks.push(existsSync(name) ? taskFrom(basename(name), await bytesOf(name)) : taskOf(name, words));
  return tasks;
}

/** What a file holds; Node's error for a folder does not say which. */
const bytesOf = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((error: unknown) => {
    throw new ArgumentError(command, fileProblem(error, file) ?? `${file} cannot be read: ${(error as Error).message}`);
  });

const textOf = async (file: string): Promise<string> => new TextDecoder().decode(await bytesOf(file));

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** `gradus evaluate`: what a language model makes of a few examples in its prompt. */
export async function evaluateModel(options: EvaluateCommandOptions): Promise<void> {
  const { shots: counts, examples, by, normalise, seed, fewer: fewerShots = false, json = false } = options;
  const tasks = await tasksOf(options);
  const model = await languageModel(command, options.model, { bits: options.bits });
  const name = Math.max(4, ...tasks.map((task) => task.name.length)) + 2;
  const row = (cells: readonly string[]) =>
    `${cells[0]!.padEnd(name)}${cells
      .slice(1)
      .map((cell) => cell.padStart(9))
      .join("")}`;
  let results = 0;
  for (const task of tasks)
    for (const shots of counts) {
      const progress = bar("{what} {bar} {value}/{total} | {right} right | {left} left", json);
      const pace = new Pace();
      const run = evaluate(model, task, {
        ...{ shots, seed, normalise, fewerShots },
        ...(by === undefined ? {} : { by }),
        ...(examples === undefined ? {} : { examples }),
      });
      let right = 0;
      let result: Evaluation;
      try {
        for (;;) {
          const next = await run.next();
          if (next.done) {
            result = next.value;
            break;
          }
          const { done, total, item, ...answer } = next.value;
          if (answer.right) right++;
          const { left } = pace.at(done, total);
          progress.update(done, total, { what: `${task.name}, ${shots} shots`, right, left: left === null ? "?" : timeLeft(left) });
          if (json) line(JSON.stringify({ event: "answer", task: task.name, ...answer, context: item.context, answer: item.answer }));
        }
      } catch (error) {
        // A tokenizer of characters has those of its text alone.
        if (!(error instanceof ArgumentError && error.operation === "encode")) throw error;
        throw new ArgumentError(command, `${task.name} cannot be asked of this model: ${error.problem}`, "Give another one with --model");
      } finally {
        progress.stop();
      }
      if (json) {
        line(JSON.stringify({ event: "end", model: options.model, seed, ...result }));
        continue;
      }
      if (!results++) line(styled("bold", `${row(["task", "shots", "examples", "right", "±", "chance"])}  by`));
      const { accuracy, standardError, chance, fewestShots } = result;
      const shown = fewestShots === shots ? String(shots) : `${fewestShots}-${shots}`;
      const cells = [task.name, shown, String(result.examples), percent(accuracy), (100 * standardError).toFixed(1)];
      line(`${row([...cells, chance ? percent(chance) : "-"])}  ${result.by}`);
    }
}
