import adapterNode from "@sveltejs/adapter-node";
import adapterStatic from "@sveltejs/adapter-static";
import type { Adapter } from "@sveltejs/kit";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";
import { compress } from "./scripts/compress.ts";

/** `GRADUS_STATIC=1` builds the lessons as files for any web host, without accounts. */
const isStatic = process.env.GRADUS_STATIC === "1";

const node = adapterNode({ out: "build" });
const quicklyCompressed: Adapter = { ...node, adapt: (builder) => node.adapt(Object.assign(Object.create(builder), { compress })) };

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: isStatic
        ? adapterStatic({ pages: "build-static", assets: "build-static", fallback: "404.html", strict: false })
        : quicklyCompressed,
      paths: { base: (process.env.GRADUS_BASE ?? "") as "" | `/${string}`, relative: true },
      csp: {
        mode: "auto",
        directives: {
          "default-src": ["self"],
          "script-src": ["self"],
          // The editor, plots and formulas set styles of their own.
          "style-src": ["self", "unsafe-inline"],
          "img-src": ["self", "data:"],
          "font-src": ["self", "data:"],
          "connect-src": ["self"],
          "worker-src": ["self"],
          "frame-src": ["self"],
          "object-src": ["none"],
          "base-uri": ["none"],
          "form-action": ["self"],
        },
      },
      prerender: { handleHttpError: "warn", handleMissingId: "warn", handleUnseenRoutes: "ignore" },
      serviceWorker: { register: false },
      // Pages stay open for a day of teaching: they ask every few minutes whether there is a newer course.
      version: { pollInterval: 300_000 },
    }),
  ],
  define: { __STATIC__: JSON.stringify(isStatic) },
  server: { fs: { allow: [".."] } },
});
