export const prerender = true;
export const entries = () => [{}, { lang: "de" }];
