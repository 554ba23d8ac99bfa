// What needs Node.js: files and folders.
export { loadStructure, type SaveStructureOptions, savePae, saveStructure } from "./files.ts";
