// What needs Node.js: runs in folders, threads that play, other programs; and records of shogi, which bring a library along.
export { RunFolder } from "./folder.ts";
export { GtpEngine } from "./protocols/gtp-engine.ts";
export { UniversalEngine, type UniversalEngineOptions } from "./protocols/universal-engine.ts";
export { type KifInfo, readKif, writeKif } from "./records/kif.ts";
export { moveNames, record } from "./records/record.ts";
export { mostThreads, SelfPlayThreads } from "./workers.ts";
