/** Milliseconds of a call: the median over enough of them after warm-up. `first` says how long the very first took. */
export async function median(run: () => unknown, first: number): Promise<number> {
  const slow = first > 5000;
  const breathe = () => new Promise((resolve) => setTimeout(resolve, 0));
  // Warm up until the optimising compiler is done: half a second, at least three calls.
  const warm = performance.now();
  for (let i = 0; i < (slow ? 0 : 3) || performance.now() - warm < 500; i++) {
    await run();
    if (i % 8 === 0) await breathe();
  }
  const times: number[] = [];
  const begin = performance.now();
  while (times.length < (slow ? 1 : 15) || (performance.now() - begin < 1000 && times.length < 400)) {
    const t = performance.now();
    await run();
    times.push(performance.now() - t);
    if (times.length % 32 === 0) await breathe();
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}
