/** What the operating system refuses most often, in words that follow a path. */
const words: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no ${path}`,
  ENOTDIR: (path) => `${path} lies below something that is no folder`,
  EEXIST: (path) => `${path} is there already, and is no folder`,
  EISDIR: (path) => `${path} is a folder, where a file was expected`,
  EACCES: (path) => `${path} may not be used: access is denied`,
  EPERM: (path) => `${path} may not be used: access is denied`,
  EROFS: (path) => `${path} cannot be written: it lies where nothing may be written`,
  ENOSPC: (path) => `${path} cannot be written: no space is left`,
  ERR_FS_FILE_TOO_LARGE: (path) => `${path} is larger than the 2 GiB that can be read`,
};

/** A sentence about a file that could not be read or written, `given` where the error does not say which; null for any other error. */
export function fileProblem(error: unknown, given = "what was given"): string | null {
  if (!(error instanceof Error)) return null;
  const { code, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  if (code === undefined || !Object.hasOwn(words, code)) return null;
  return words[code]!(dest ?? path ?? given);
}
