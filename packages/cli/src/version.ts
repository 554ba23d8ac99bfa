import { readFileSync } from "node:fs";

/** Version of the command and of the library, which are released together. */
export const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
