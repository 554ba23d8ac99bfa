"""Writes structures.golden.json: what BioPython reads from the structure files of shared/data/structures: by chain the numbers and names of the
amino acids with atoms, their heavy atoms of standard names, and sums of coordinates and B factors. Run: python3 structures.golden.py (biopython)"""
import gzip
import json
import pathlib
import warnings

from Bio.PDB import MMCIFParser, PDBParser
from Bio.PDB.Polypeptide import is_aa

here = pathlib.Path(__file__).parent
folder = here.parents[4] / "shared" / "data" / "structures"
warnings.simplefilter("ignore")
ATOMS = set(
    "N CA C CB O CG CG1 CG2 OG OG1 SG CD CD1 CD2 ND1 ND2 OD1 OD2 SD CE CE1 CE2 CE3 NE NE1 NE2 OE1 OE2 CH2 NH1 NH2 OH CZ CZ2 CZ3 NZ OXT".split()
)
found = {}
for path in sorted(folder.glob("*.gz")):
    if path.name.endswith(".a3m.gz"):
        continue
    parser = MMCIFParser(QUIET=True) if ".cif" in path.name else PDBParser(QUIET=True)
    with gzip.open(path, "rt") as file:
        structure = parser.get_structure(path.name, file)
    chains = {}
    for chain in structure[0]:
        residues = [r for r in chain if is_aa(r, standard=False) and (r.id[0] == " " or r.get_resname() == "MSE")]
        if not residues:
            continue
        atoms = [a for r in residues for a in r if a.get_name() in ATOMS or (r.get_resname() == "MSE" and a.get_name() == "SE")]
        chains[chain.id] = dict(
            numbers=[f"{r.id[1]}{r.id[2].strip()}" for r in residues],
            names=[r.get_resname() for r in residues],
            atoms=len(atoms),
            coordinates=round(sum(float(abs(x)) for a in atoms for x in a.get_coord()), 2),
            bFactors=round(sum(a.get_bfactor() for a in atoms), 2),
        )
    found[path.name] = chains
(here / "structures.golden.json").write_text(json.dumps(found))
