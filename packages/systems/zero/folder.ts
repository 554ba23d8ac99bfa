import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadModel } from "@gradus/nn";
import { FormatError, loadSafetensors, saveSafetensors, tensor } from "@gradus/tensor";
import { saveFile } from "@gradus/tensor/io";
import { parseJson } from "@gradus/tensor/json";
import type { Game } from "./games/game.ts";
import { isGame, isState } from "./kept.ts";
import type { Archive, NumberedGame, RunState } from "./train.ts";

interface Saved extends RunState {
  /** The file with the learner's model. */
  readonly model: string;
}

const modelFile = /^model-\d+\.safetensors$/;

/**
 * A run in a folder: `state.json`, the model it names, `games/` with a line of JSON per game, `networks/` with those that were rated. The
 * state is written last and replaced as a whole, so that a run that dies at any moment goes on from its last round and its last game.
 * FormatError where what is there was not written by a run of this game.
 */
export class RunFolder implements Archive {
  readonly path: string;
  private readonly game: Game;
  private saved: Saved | null;
  /** Rounds whose files were seen to end with a whole line. */
  private readonly mended = new Set<number>();

  constructor(path: string, game: Game) {
    this.path = path;
    this.game = game;
    for (const name of ["games", "networks"]) mkdirSync(join(path, name), { recursive: true });
    const file = join(path, "state.json");
    this.saved = null;
    if (!existsSync(file)) return;
    const state = parseJson(readFileSync(file, "utf8"));
    if (!(isState(state, game) && "model" in state && typeof state.model === "string" && modelFile.test(state.model))) throw damaged(file);
    this.saved = state as Saved;
  }

  get state(): RunState | null {
    return this.saved;
  }

  model() {
    return loadModel(join(this.path, this.saved!.model));
  }

  games(round: number): readonly NumberedGame[] {
    const file = this.gamesFile(round);
    if (!existsSync(file)) return [];
    // A line that was being written when the run died has no end.
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines
      .map((line, i) => {
        // Runs of earlier versions have no numbers.
        const game: unknown = { number: i, ...(parseJson(line) as Partial<NumberedGame>) };
        if (!isGame(game, this.game)) throw damaged(`line ${i + 1} of ${file}`, "Take that line out, start");
        return game;
      })
      .sort((a, b) => a.number - b.number);
  }

  append(round: number, game: NumberedGame): void {
    const file = this.gamesFile(round);
    if (!this.mended.has(round)) {
      // What a run that died has left of its last line must not become part of the next.
      this.mended.add(round);
      if (existsSync(file)) truncateSync(file, readFileSync(file).lastIndexOf("\n") + 1);
    }
    appendFileSync(file, `${JSON.stringify(game)}\n`);
  }

  async save(state: RunState, model: Parameters<Archive["save"]>[1]): Promise<void> {
    const name = `model-${state.rounds.length}.safetensors`;
    await model.save(join(this.path, name));
    this.saved = { ...state, model: name };
    await saveFile(join(this.path, "state.json"), [new TextEncoder().encode(JSON.stringify(this.saved))]);
    await this.removeModels(name);
  }

  /** Takes away what was kept to go on. Games and rated networks stay. */
  async end(): Promise<void> {
    await rm(join(this.path, "state.json"), { force: true });
    await this.removeModels();
  }

  async saveNetwork(round: number, weights: readonly Float32Array[]): Promise<void> {
    await saveSafetensors(this.networkFile(round), Object.fromEntries(weights.map((w, i) => [String(i), tensor(w)])));
  }

  async network(round: number): Promise<readonly Float32Array[]> {
    const file = this.networkFile(round);
    const arrays = await loadSafetensors(file);
    return Promise.all(
      Object.keys(arrays).map(async (_, i) => {
        const values = await arrays[String(i)]?.data();
        if (!(values instanceof Float32Array)) throw damaged(file);
        return values;
      }),
    );
  }

  private async removeModels(but?: string): Promise<void> {
    for (const file of await readdir(this.path)) if (modelFile.test(file) && file !== but) await rm(join(this.path, file), { force: true });
  }

  private gamesFile(round: number): string {
    return join(this.path, "games", `${String(round).padStart(5, "0")}.jsonl`);
  }

  private networkFile(round: number): string {
    return join(this.path, "networks", `${String(round).padStart(5, "0")}.safetensors`);
  }
}

const damaged = (what: string, fix = "Start"): FormatError =>
  new FormatError("train zero", `${what} is damaged, or of another run`, `${fix} anew with --fresh, or in another folder`);
