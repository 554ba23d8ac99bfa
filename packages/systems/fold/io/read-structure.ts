import { type ByteSource, type ReadOptions, readText } from "@gradus/data";
import { FormatError } from "@gradus/tensor";
import { readMmcif } from "./mmcif.ts";
import { readPdb } from "./pdb.ts";
import type { Structure } from "./structure.ts";

/** The protein chains of an mmCIF or PDB file, packed by gzip or not; which of them it is, its first lines tell. */
export async function readStructure(source: ByteSource | string, { maxBytes = 2 ** 28 }: ReadOptions = {}): Promise<Structure> {
  const text = typeof source === "string" ? source : await readText(source, { maxBytes });
  const start = /^\s*(#.*\s+)*/.exec(text.slice(0, 10_000))![0].length;
  if (/^data_/i.test(text.slice(start, start + 5))) return readMmcif(text);
  if (
    /^(HEADER|OBSLTE|TITLE|COMPND|SOURCE|KEYWDS|EXPDTA|AUTHOR|REMARK|SEQRES|CRYST1|MODEL|ATOM|HETATM|DBREF|PARENT) /m.test(
      text.slice(0, 10_000),
    )
  )
    return readPdb(text);
  throw new FormatError(
    "structure",
    "this is neither an mmCIF file nor a PDB file",
    "An mmCIF file begins with data_, a PDB file has lines that begin with ATOM",
  );
}
