import { ArgumentError, FormatError, ShapeError } from "@gradus/tensor";

/**
 * Does for a command what a library does: its errors become the command's, without names of functions, and begin with `about`, which says what
 * was given. `fix` takes the place of the library's advice, which knows nothing of options.
 */
export async function ownErrors<T>(command: string, about: string, work: () => T | Promise<T>, fix?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof FormatError || error instanceof ShapeError)) throw error;
    throw new ArgumentError(command, `${about}: ${error.problem}`, fix ?? error.fix);
  }
}
