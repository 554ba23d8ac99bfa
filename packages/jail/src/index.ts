/** The table of contents of @gradus/jail. */
export { type Protection, protection } from "./protection.ts";
export { type JailOptions, type JailResult, runInJail } from "./run.ts";
