/** Stands for the package h5wasm in the cells of a page. */
const missing = (): never => {
  throw new Error("HDF5 files (.h5, .keras) cannot be read in a cell. Save the weights as .safetensors, or run the program in Node.js.");
};

export const ready = Promise.resolve();
export const FS = { writeFile: missing, readFile: missing, unlink: missing };
export class File {
  constructor() {
    missing();
  }
}
export class Group {}
export class Dataset {}
export default { ready, FS, File, Group, Dataset };
