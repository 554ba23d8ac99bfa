// What needs Node.js: runs in folders, threads that play, other programs.
export { RunFolder } from "./folder.ts";
export { GtpEngine } from "./protocols/gtp-engine.ts";
export { SelfPlayThreads } from "./workers.ts";
