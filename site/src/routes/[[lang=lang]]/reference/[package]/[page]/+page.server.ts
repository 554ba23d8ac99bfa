import { error } from "@sveltejs/kit";
import { referenceIndex, referencePage } from "#lib/server/reference.ts";
import { say } from "#lib/server/say.ts";

export const prerender = true;
export const entries = async () =>
  (await referenceIndex()).flatMap(({ package: name, slug }) => [
    { package: name, page: slug },
    { package: name, page: slug, lang: "de" },
  ]);

export const load = async ({ params, locals }) => {
  const page = await referencePage(params.package, params.page);
  if (!page) error(404, say({ locals }).noReference);
  const siblings = (await referenceIndex()).filter((p) => p.package === page.package).map(({ slug, title }) => ({ slug, title }));
  return { page, siblings };
};
