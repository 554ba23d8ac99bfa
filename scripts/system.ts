// What the tests need of the operating system: a browser, the loader through which Node.js finds its software GPU, a program that plays Go.
import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Installs one of Debian's packages where this user may; elsewhere nothing happens. */
export function installPackage(name: string): void {
  const debian = existsSync("/etc/debian_version");
  const asRoot = process.getuid?.() === 0;
  const sudo = !asRoot && spawnSync("sudo", ["-n", "true"]).status === 0;
  if (!debian || !(asRoot || sudo)) return;
  console.log(`Installing Debian's ${name} ...`);
  const apt = (...args: string[]) =>
    spawnSync(asRoot ? "apt-get" : "sudo", asRoot ? args : ["apt-get", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  apt("update");
  apt("install", "-y", "--no-install-recommends", name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync("/usr/bin/chromium") && !process.env.CHROMIUM) installPackage("chromium");
  // Chromium keeps a copy of its own elsewhere below /usr/lib.
  if (!globSync("/usr/lib/*-linux-*/libvulkan.so.1").length) installPackage("libvulkan1");
  if (!existsSync("/usr/games/gnugo")) installPackage("gnugo");
}
