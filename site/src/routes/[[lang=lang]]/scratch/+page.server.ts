export const entries = () => [{}, { lang: "de" }];
export const load = () => ({});
