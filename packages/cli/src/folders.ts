import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ArgumentError } from "@gradus/tensor";
import { makeFolder } from "@gradus/tensor/io";

/** ArgumentError, before any work is done, where a folder for results cannot be made or nothing may be written in it. Makes nothing. */
export async function checkFolder(command: string, folder: string): Promise<void> {
  const fail = (problem: string): never => {
    throw new ArgumentError(command, problem, "Give another folder with --out");
  };
  // What is not there yet is made in the nearest folder above that is.
  for (let path = resolve(folder); ; path = dirname(path)) {
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
      return fail(`the folder ${folder} cannot be used (${error.code})`);
    });
    if (!found) continue;
    if (!found.isDirectory())
      fail(path === resolve(folder) ? `${folder} is a file` : `the folder ${folder} cannot be made: ${path} is a file`);
    await access(path, constants.W_OK | constants.X_OK).catch(() => fail(`nothing may be written in ${path}`));
    return;
  }
}

/** Makes a folder for results. ArgumentError where that fails. */
export async function makeResultsFolder(command: string, folder: string): Promise<void> {
  await makeFolder(folder).catch((error: NodeJS.ErrnoException) => {
    throw new ArgumentError(command, `the folder ${folder} cannot be made (${error.code})`, "Give another folder with --out");
  });
}
