/** Files and folders in Node.js. */
export { type FileOptions, fileChunks, folderFiles, openArchive } from "./files.ts";
