// The site in production: headers that every answer needs, a log line a request, an orderly end.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";

const startFolder = process.cwd();
process.chdir(import.meta.dirname);
const { policy } = JSON.parse(readFileSync("src/lib/generated/sandbox.json", "utf8")) as { policy: string };
const port = Number(process.env["PORT"] ?? 3000);
const host = process.env["HOST"] ?? "0.0.0.0";
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT should be a number from 0 to 65535. Received: ${process.env["PORT"]}`);
  process.exit(1);
}
process.env["BODY_SIZE_LIMIT"] ??= "1M";
// The site is what ORIGIN says, whatever a proxy makes of a request; without it, or a proxy's headers, what the browser asked for over
// plain HTTP. The adapter only reads headers, so they are written here, over whatever a visitor may have sent by these names.
const { ORIGIN, PROTOCOL_HEADER } = process.env;
const ownHeaders: Record<string, string> = {};
if (ORIGIN) {
  if (!URL.canParse(ORIGIN) || new URL(ORIGIN).origin !== ORIGIN) {
    console.error(`ORIGIN should be an address without a path, such as https://gradus.example.org. Received: ${ORIGIN}`);
    process.exit(1);
  }
  const { protocol, host: name } = new URL(ORIGIN);
  Object.assign(ownHeaders, { "x-gradus-protocol": protocol.slice(0, -1), "x-gradus-host": name });
  Object.assign(process.env, { PROTOCOL_HEADER: "x-gradus-protocol", HOST_HEADER: "x-gradus-host" });
} else if (!PROTOCOL_HEADER) {
  ownHeaders["x-gradus-protocol"] = "http";
  process.env["PROTOCOL_HEADER"] = "x-gradus-protocol";
}

const built = "./build/handler.js";
const { handler } = (await import(built).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
})) as { handler: (req: unknown, res: unknown, next: () => void) => void };

const common: Readonly<Record<string, string>> = {
  // Shared memory, and with it threads, needs a page that is isolated from others.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Permissions-Policy": "geolocation=(), microphone=(), payment=()",
  // Where people come by HTTPS, their browsers should not try anything else for a year.
  ...(process.env["ORIGIN"]?.startsWith("https:") ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
};

if (!process.env["DATABASE_URL"] && process.env["GRADUS_DATA"])
  process.env["GRADUS_DATA"] = resolve(startFolder, process.env["GRADUS_DATA"]);

const server = createServer((request, response) => {
  const begin = performance.now();
  Object.assign(request.headers, ownHeaders);
  const path = (request.url ?? "/").split("?")[0]!;
  for (const [name, value] of Object.entries(common)) response.setHeader(name, value);
  if (path.startsWith("/sandbox/")) {
    // The frame for cells has no origin of its own, so it may be embedded, and may do nothing else.
    response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
    response.setHeader("Content-Security-Policy", `${policy}; sandbox allow-scripts; frame-ancestors 'self'`);
    response.setHeader("Cache-Control", "public, max-age=31536000, immutable");
  } else {
    response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    response.setHeader("X-Frame-Options", "DENY");
  }
  response.on("finish", () => {
    if (process.env["GRADUS_LOG"] === "none") return;
    const line = {
      time: new Date().toISOString(),
      method: request.method,
      path,
      status: response.statusCode,
      ms: Number((performance.now() - begin).toFixed(1)),
    };
    console.log(JSON.stringify(line));
  });
  handler(request, response, () => {
    response.statusCode = 404;
    response.end("Not found");
  });
});

server.listen(port, host, () => {
  const { port: taken } = server.address() as { port: number };
  console.error(`Gradus is at http://localhost:${taken}`);
});

let ending = false;

/** Ends in order: no new requests, those that run are answered, the database is closed. */
function end(): void {
  if (ending) process.exit(1);
  ending = true;
  const close = async () => {
    await (globalThis as { gradusClose?: () => Promise<void> }).gradusClose?.();
    process.exit(0);
  };
  server.close(() => void close());
  server.closeIdleConnections();
  setTimeout(() => void close(), 10_000).unref();
}
process.on("SIGTERM", end);
process.on("SIGINT", end);
