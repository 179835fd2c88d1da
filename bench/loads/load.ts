import { once } from 'node:events';

/** What a load generator was told to do. */
export function readSpec<Spec>(): Spec {
  return JSON.parse(process.argv[2] as string) as Spec;
}

/** Says that a moment has come, and goes on once it was made use of. */
export async function reach(moment: string): Promise<void> {
  const goOn = once(process, 'message');
  process.send?.({ moment });
  await goOn;
}

export function finish(result: unknown): void {
  process.send?.({ result }, () => process.exit(0));
}

/** Does `work` for each item, `width` at once. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const rest = items.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, item] of rest) await work(item, index);
    }),
  );
}
