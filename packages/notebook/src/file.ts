import { stage } from "./stage.ts";

/** The bytes of a file that comes with the lesson, by its name; in a program of its own, of a file on disk. */
export const file = (name: string): Promise<Uint8Array<ArrayBuffer>> => stage().readFile(name);
