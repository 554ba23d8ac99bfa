import { access, constants } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { encodePng } from "@gradus/data";
import { ArgumentError } from "@gradus/tensor";
import { type ArrayData, makeFolder, saveFile } from "@gradus/tensor/io";

/** Where a picture goes, and how it came about. */
export interface DrawingFiles {
  readonly out: string;
  readonly animation?: string | undefined;
}

/** ArgumentError for names that say another format. */
export function checkDrawingFiles(command: string, { out, animation }: DrawingFiles): void {
  for (const [name, path, end] of [["out", out, ".png"] as const, ["animation", animation, ".gif"] as const])
    if (path !== undefined && extname(path).toLowerCase() !== end)
      throw new ArgumentError(command, `--${name} is ${path}`, `Give a name that ends in ${end}`);
}

/** Makes the folders that files go to, so that nothing is drawn in vain: what cannot be written to is refused by the system's own error. */
export async function makeRoom({ out, animation }: DrawingFiles): Promise<void> {
  for (const path of [out, animation]) {
    if (path === undefined) continue;
    await makeFolder(dirname(path));
    await access(dirname(path), constants.W_OK);
  }
}

/** Writes a picture, and the frames that led to it as a GIF where one is wanted. */
export async function saveDrawing({ out, animation }: DrawingFiles, picture: ArrayData, frames: readonly ArrayData[]): Promise<void> {
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
