// `npm start`: builds what has changed and serves the course at http://localhost:3000 (PORT and GRADUS_DATA override).
import { install, run } from "./setup.mjs";

install();
const built = run(["scripts/build-site.ts"]);
process.exit(built === 0 ? run(["site/server.ts", ...process.argv.slice(2)]) : built);
