/** The table of contents of @gradus/jail. */
export { type Layer, type Protection, type ProtectionPart, protection } from "./protection.ts";
export { JailQueue, type JailQueueOptions, type QueuedOptions } from "./queue.ts";
export { type JailFailure, type JailOptions, type JailResult, runInJail } from "./run.ts";
export type { SealOptions } from "./seal.ts";
