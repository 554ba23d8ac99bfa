// What needs Node.js: runs in folders, threads that play; and records of shogi, which bring a library along.
export { RunFolder } from "./folder.ts";
export { type KifInfo, readKif, writeKif } from "./records/kif.ts";
export { SelfPlayThreads } from "./workers.ts";
