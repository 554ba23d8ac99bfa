/** The library's own build for modules, whose types are those of the package. */
declare module "3dmol/build/3Dmol.es6-min.js" {
  export * from "3dmol";
}
