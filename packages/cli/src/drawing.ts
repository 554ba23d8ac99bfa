import { randomUUID } from "node:crypto";
import { rm, stat, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { encodePng } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import { type ArrayData, makeFolder, saveFile } from "@gradus/tensor/io";
import { fileProblem } from "./system-errors.ts";

/** Where a picture goes, and how it came about. */
export interface DrawingFiles {
  readonly out?: string | undefined;
  readonly animation?: string | undefined;
}

export const defaultOut = "picture.png";

/** ArgumentError for names that say another format. */
export function checkDrawingFiles(command: string, { out, animation }: DrawingFiles): void {
  for (const [name, path, end] of [["out", out, ".png"] as const, ["animation", animation, ".gif"] as const])
    if (path !== undefined && extname(path).toLowerCase() !== end)
      throw new ArgumentError(command, `--${name} is ${path}`, `Give a name that ends in ${end}`);
}

/** Makes the folders that files go to, and tries whether files can be written there: ArgumentError before anything is drawn in vain. */
export async function makeRoom(command: string, { out = defaultOut, animation }: DrawingFiles): Promise<void> {
  for (const [name, path] of Object.entries({ out, animation })) {
    if (path === undefined) continue;
    const refuse = (problem: string): never => {
      throw new ArgumentError(command, `--${name} is ${path}: ${problem}`, "Give another file");
    };
    if (await isFolder(path)) refuse("a folder of this name is there");
    try {
      await makeFolder(dirname(path));
      // Folders such as /proc say that they may be written to. The name is as long as that which the file has at first.
      const trial = `${path}.${randomUUID().slice(0, 8)}.tmp`;
      await writeFile(trial, "", { flag: "wx" });
      await rm(trial);
    } catch (error) {
      refuse(fileProblem(error) ?? `it cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`);
    }
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Writes a picture, and the frames that led to it as a GIF where one is wanted. */
export async function saveDrawing(
  { out = defaultOut, animation }: DrawingFiles,
  picture: ArrayData,
  frames: readonly ArrayData[],
): Promise<void> {
  await saveFile(out, [await encodePng(picture)]);
  if (animation) await saveFile(animation, [await moving([...frames, picture])]);
}

/** Frames as a GIF that runs over and over; the last one stays a while. */
async function moving(frames: readonly ArrayData[]): Promise<Uint8Array> {
  const { encode } = await import("modern-gif");
  const [height, width, channels] = frames[0]!.shape as [number, number, number];
  const bytes = await encode({
    ...{ width, height, looped: true },
    frames: frames.map(({ data }, i) => {
      const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
      for (let p = 0; p < width * height; p++)
        for (let c = 0; c < 3; c++) pixels[4 * p + c] = Number(data[channels * p + Math.min(c, channels - 1)]!);
      return { data: pixels, delay: i === frames.length - 1 ? 1500 : 120 };
    }),
  });
  return new Uint8Array(bytes);
}
