/** The pages around the lessons, `course/pages/NAME.md`, in the order in which they are offered. */
export const pageNames = ["about", "glossary", "translations", "instructors"] as const;

export type PageName = (typeof pageNames)[number];
