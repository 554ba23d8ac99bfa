// What the tests need of the operating system: a browser, the loader through which Node.js finds its software GPU, programs that play
// Go, chess and shogi, and one that has UCI and USI played with (their tests are skipped where they are missing).
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Installs some of Debian's packages where this user may; elsewhere nothing happens. */
export function installPackages(...names: readonly string[]): void {
  const debian = existsSync("/etc/debian_version");
  const asRoot = process.getuid?.() === 0;
  const sudo = !asRoot && spawnSync("sudo", ["-n", "true"]).status === 0;
  if (!names.length || !debian || !(asRoot || sudo)) return;
  console.log(`Installing Debian's ${names.join(", ")} ...`);
  const apt = (...args: string[]) =>
    spawnSync(asRoot ? "apt-get" : "sudo", asRoot ? args : ["apt-get", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  apt("update");
  apt("install", "-y", "--no-install-recommends", ...names);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing: Readonly<Record<string, boolean>> = {
    "chromium-headless-shell": !existsSync("/usr/bin/chromium-headless-shell") && !process.env.CHROMIUM,
    // Chromium keeps a copy of its own elsewhere below /usr/lib.
    libvulkan1: !globSync("/usr/lib/*-linux-*/libvulkan.so.1").length,
    gnugo: !existsSync("/usr/games/gnugo"),
    stockfish: !existsSync("/usr/games/stockfish"),
    "fairy-stockfish": !existsSync("/usr/games/fairy-stockfish"),
    uci2wb: !existsSync("/usr/games/uci2wb"),
  };
  installPackages(...Object.keys(missing).filter((name) => missing[name]));
}
