/** Gives the headings of rendered Markdown the ids that `take` finds for their texts, and links to themselves. */
export function withHeadings(html: string, take: (text: string, level: 2 | 3) => string): string {
  return html.replace(/<h([23])>([\s\S]*?)<\/h\1>/g, (_, level: string, inner: string) => {
    const text = inner.replace(/<annotation[\s\S]*?<\/annotation>|<[^>]*>/g, "").trim();
    const id = take(text, Number(level) as 2 | 3);
    return `<h${level} id="${id}"><a href="#${id}">${inner}</a></h${level}>`;
  });
}

/** A text as an id: "Over-fitting" is "over-fitting", "L₂" is "l2". */
export function slugOf(text: string): string {
  const slug = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return slug || "section";
}
