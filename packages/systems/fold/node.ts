// What needs Node.js: files and folders.
export { loadStructure, type SaveStructureOptions, saveStructure } from "./files.ts";
