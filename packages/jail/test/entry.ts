/** Runs untrusted code as the body of an async function and gives back what it returns. */
export default async function run({ code }: { code: string }, seal: () => void): Promise<unknown> {
  const f = new Function(`return (async () => {${code}})()`) as () => Promise<unknown>;
  seal();
  return f();
}
