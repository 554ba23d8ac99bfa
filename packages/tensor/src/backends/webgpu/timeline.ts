/**
 * Device operations in the order in which they were asked for. What can be done at once is; where something before has to
 * be waited for (a shader's compilation, work on the CPU), everything after it waits as well.
 */
export class Timeline {
  private tail: Promise<void> | null = null;
  private failure: unknown = null;

  /** Does `operation` now, or after what is waited for. Its failure reaches the next `reach`. */
  add(operation: () => void | Promise<void>): void {
    if (this.tail) {
      this.wait(this.tail.then(operation));
      return;
    }
    try {
      const waiting = operation();
      if (waiting) this.wait(waiting);
    } catch (error) {
      this.fail(error);
    }
  }

  private wait(waiting: Promise<void>): void {
    const tail: Promise<void> = waiting
      .catch((error: unknown) => this.fail(error))
      .then(() => {
        if (this.tail === tail) this.tail = null;
      });
    this.tail = tail;
  }

  /** Notes an error: the first one until somebody is told. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  /** Does `operation` in its turn and gives its result; throws what failed before it. */
  async reach<T>(operation: () => T): Promise<T> {
    if (this.tail) {
      return new Promise<T>((resolve, reject) => {
        this.add(() => {
          try {
            const value = operation();
            this.check();
            resolve(value);
          } catch (error) {
            reject(error);
          }
        });
      });
    }
    const value = operation();
    this.check();
    return value;
  }

  /** Throws what has failed, once. */
  check(): void {
    if (this.failure === null) return;
    const { failure } = this;
    this.failure = null;
    throw failure;
  }
}
