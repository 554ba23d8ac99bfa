/** What was measured in training: one number an epoch for each name. */
export class History {
  /** Numbers of the epochs trained, from 0. */
  readonly epoch: number[] = [];
  readonly history: Record<string, number[]> = {};

  /** Notes an epoch's measurements. */
  add(epoch: number, logs: Logs): void {
    this.epoch.push(epoch);
    for (const [name, value] of Object.entries(logs)) (this.history[name] ??= []).push(value);
  }
}

/** Measurements by name: "loss", "accuracy", "val_loss", ... */
export type Logs = Readonly<Record<string, number>>;
