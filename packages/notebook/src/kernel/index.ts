/** Running cells: the kernel, its messages, and the turning of a cell into a program. */
export { describeError, Stopped } from "./errors.ts";
export { Kernel, type KernelOptions } from "./kernel.ts";
export { type Modules, modules } from "./modules.ts";
export { CellSyntaxError, type Prepared, prepare } from "./prepare.ts";
export type { CheckResult, CheckSource, Reply, Request } from "./protocol.ts";
