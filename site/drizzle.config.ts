import { defineConfig } from "drizzle-kit";

// `npx drizzle-kit generate` writes a migration after the schema has changed.
export default defineConfig({ dialect: "postgresql", schema: "./src/lib/server/schema.ts", out: "./migrations" });
