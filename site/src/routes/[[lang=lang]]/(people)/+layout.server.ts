// These pages know who looks at them, so they are made when asked for.
export const prerender = false;

export const load = ({ locals }) => ({ me: locals.me });
