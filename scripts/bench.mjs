// `npm run bench -- [names] [--against peers] [--json]`
import { install, run } from "./setup.mjs";

install();
process.exit(run(["bench/main.ts", ...process.argv.slice(2)]));
