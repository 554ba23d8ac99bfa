// `npm start`: the main job. Until the site exists, a tour of the library in the terminal.
import { install, run } from "./setup.mjs";

install();
process.exit(run(["packages/cli/src/main.ts", "tour", ...process.argv.slice(2)]));
