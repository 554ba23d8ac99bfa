/** The table of contents of @gradus/data: what runs in Node.js and in pages. Files are in @gradus/data/node. */

export {
  type CatalogData,
  type CatalogEntry,
  type CatalogFile,
  type CatalogName,
  catalog,
  fashionMnistClasses,
  type ImageSplits,
  type LabelledImages,
} from "./catalog/entries.ts";
export { loadDataset } from "./catalog/load.ts";
export type { BatchOptions, PaddedBatchOptions } from "./dataset/batch.ts";
export type { Json } from "./dataset/cursor.ts";
export { Dataset, type DatasetIterator, type IterateOptions, type Row } from "./dataset/dataset.ts";
export type { Batched, Leaf } from "./dataset/element.ts";
export type { MapContext, MapFunction } from "./dataset/transforms.ts";
export type { WorkerMapOptions } from "./dataset/workers.ts";
export { archiveFiles, zipFiles } from "./formats/archives.ts";
export { type Cifar, readCifar } from "./formats/cifar.ts";
export { type FastaRecord, fasta } from "./formats/fasta.ts";
export type { FileEntry } from "./formats/files.ts";
export { readIdx } from "./formats/idx.ts";
export { type ByteSource, type ReadOptions, readBytes } from "./formats/source.ts";
export { tarFiles } from "./formats/tar.ts";
export { type LinesOptions, lines, readText } from "./formats/text.ts";
export { type AugmentOptions, augment, normalizeImage } from "./images/augment.ts";
export { type ImageFilesOptions, imageFiles, isImageName, type LabelledImage } from "./images/dataset.ts";
export { type DecodeOptions, decodeImage } from "./images/decode.ts";
export { encodePng } from "./images/encode.ts";
export { centerCrop, crop, flipLeftRight, flipUpDown, padImage, rotate90 } from "./images/geometry.ts";
export type { ImageLimits } from "./images/limits.ts";
export { type ResizeMethod, resizeImage } from "./images/resize.ts";
export { Random } from "./random.ts";
export { type BikeOptions, bikeRentals } from "./synthetic/bikes.ts";
export { type MeadowOptions, meadow } from "./synthetic/meadow.ts";
export { type NgonOptions, ngons, type Range } from "./synthetic/ngons.ts";
export { moons, type Points, type PointsOptions, spirals } from "./synthetic/points.ts";
export { type RnaOptions, rnaFamilies } from "./synthetic/rna.ts";
export { addingSequences, reversedSequences, type SequenceOptions, type Sequences, sineWaves } from "./synthetic/sequences.ts";
export type { Cell, Column, ColumnKind, ColumnOptions } from "./table/column.ts";
export { type CsvOptions, csvRows } from "./table/csv.ts";
export type { Groups, Statistic } from "./table/groups.ts";
export { type NumberType, readTable, type Standardisation, Table, type TableOptions, type TableRow } from "./table/table.ts";
