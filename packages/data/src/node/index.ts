/** Files, folders and the catalog's cache in Node.js. */
export { type LoadOptions, loadDataset } from "./catalog.ts";
export { type FileOptions, fileChunks, folderFiles, openArchive } from "./files.ts";
