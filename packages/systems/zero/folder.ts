import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadModel } from "@gradus/nn";
import { FormatError, loadSafetensors, saveSafetensors, tensor } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import type { PlayedGame } from "./self-play.ts";
import type { Archive, RunState } from "./train.ts";

interface Saved extends RunState {
  /** The file with the learner's model. */
  readonly model: string;
}

/**
 * A run in a folder: `state.json`, the model it names, `games/` with a line of JSON per game, `networks/` with those that were rated. The
 * state is written last and replaced as a whole, so that a run that dies at any moment goes on from its last round and its last game.
 */
export class RunFolder implements Archive {
  readonly path: string;
  private saved: Saved | null;
  /** Rounds whose files were seen to end with a whole line. */
  private readonly mended = new Set<number>();

  constructor(path: string) {
    this.path = path;
    for (const name of ["games", "networks"]) mkdirSync(join(path, name), { recursive: true });
    let text: string;
    try {
      text = readFileSync(join(path, "state.json"), "utf8");
    } catch {
      this.saved = null;
      return;
    }
    try {
      this.saved = JSON.parse(text) as Saved;
    } catch {
      throw new FormatError("train zero", `${join(path, "state.json")} is damaged`, "Start anew with --fresh, or in another folder");
    }
  }

  get state(): RunState | null {
    return this.saved;
  }

  model() {
    return loadModel(join(this.path, this.saved!.model));
  }

  games(round: number): readonly PlayedGame[] {
    let text: string;
    try {
      text = readFileSync(this.gamesFile(round), "utf8");
    } catch {
      return [];
    }
    // A line that was being written when the run died has no end.
    return text
      .split("\n")
      .slice(0, -1)
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as PlayedGame];
        } catch {
          return [];
        }
      });
  }

  append(round: number, game: PlayedGame): void {
    const file = this.gamesFile(round);
    if (!this.mended.has(round)) {
      // What a run that died has left of its last line must not become part of the next.
      this.mended.add(round);
      const text = existsSync(file) ? readFileSync(file, "utf8") : "";
      if (text && !text.endsWith("\n")) appendFileSync(file, "\n");
    }
    appendFileSync(file, `${JSON.stringify(game)}\n`);
  }
  async save(state: RunState, model: Parameters<Archive["save"]>[1]): Promise<void> {
    const name = `model-${state.rounds.length}.safetensors`;
    await model.save(join(this.path, name));
    this.saved = { ...state, model: name };
    await saveFile(join(this.path, "state.json"), [new TextEncoder().encode(JSON.stringify(this.saved))]);
    for (const file of await readdir(this.path))
      if (/^model-\d+\.safetensors$/.test(file) && file !== name) await rm(join(this.path, file), { force: true });
  }

  /** Takes away what was kept to go on. Games and rated networks stay. */
  async end(): Promise<void> {
    await rm(join(this.path, "state.json"), { force: true });
    if (this.saved) await rm(join(this.path, this.saved.model), { force: true });
  }

  async saveNetwork(round: number, weights: readonly Float32Array[]): Promise<void> {
    await saveSafetensors(this.networkFile(round), Object.fromEntries(weights.map((w, i) => [String(i), tensor(w)])));
  }

  async network(round: number): Promise<readonly Float32Array[]> {
    const arrays = await loadSafetensors(this.networkFile(round));
    const count = Object.keys(arrays).length;
    return Promise.all(Array.from({ length: count }, async (_, i) => (await arrays[String(i)]!.data()) as Float32Array));
  }

  private gamesFile(round: number): string {
    return join(this.path, "games", `${String(round).padStart(5, "0")}.jsonl`);
  }

  private networkFile(round: number): string {
    return join(this.path, "networks", `${String(round).padStart(5, "0")}.safetensors`);
  }
}
