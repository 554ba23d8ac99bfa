import type { SignedIn } from "#lib/server/auth.ts";

declare global {
  /** Whether this build is files only, without accounts. */
  const __STATIC__: boolean;
  namespace App {
    interface Locals {
      lang: "en" | "de";
      me: SignedIn | null;
    }
  }
}
