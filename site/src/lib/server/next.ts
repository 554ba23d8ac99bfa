/** Where to go after signing in: a place on this site if that is what was wanted, or home. */
export function nextPage(wanted: string | null | undefined): string {
  // A browser drops tabs and line ends, and takes // and /\ for the beginning of another site's address.
  return /^\/(?![/\\])[^\p{Cc}\\]*$/u.test(wanted ?? "") ? wanted! : "/";
}
