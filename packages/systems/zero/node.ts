// What needs Node.js: runs in folders, threads that play.
export { RunFolder } from "./folder.ts";
export { SelfPlayThreads } from "./workers.ts";
