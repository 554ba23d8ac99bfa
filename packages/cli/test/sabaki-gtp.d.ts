/** What the tests use of @sabaki/gtp 3.0.0, which comes without types. */
declare module "@sabaki/gtp" {
  interface Command {
    readonly id?: number;
    readonly name: string;
    readonly args?: readonly string[];
  }
  interface Response {
    readonly content: string;
    readonly error: boolean;
  }
  interface Line {
    readonly line: string;
    readonly end: boolean;
  }
  export class Controller {
    constructor(path: string, args: readonly string[]);
    readonly process: unknown;
    start(): void;
    stop(timeout?: number): Promise<void>;
    kill(): Promise<void>;
    sendCommand(command: Command, subscriber?: (line: Line) => void): Promise<Response>;
  }
  export class ControllerStateTracker {
    constructor(controller: Controller);
    sync(state: { boardsize?: readonly [number, number]; komi?: number; history?: readonly Command[] }): Promise<void>;
    queueCommand(command: Command): Promise<Response>;
  }
}
