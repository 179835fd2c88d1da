/** What one loop has to do: soon, or after a while. Names tell the timers apart. */
export class Agenda {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #due: (() => void)[] = [];
  #wake: (() => void) | undefined;

  /** Runs `work` in the loop after that many milliseconds, unless another one of that name takes its place. */
  at(name: string, ms: number, work: () => void): void {
    this.clear(name);
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      this.soon(work);
    }, ms);
    this.#timers.set(name, timer);
  }

  has(name: string): boolean {
    return this.#timers.has(name);
  }

  clear(...names: string[]): void {
    for (const name of names) {
      clearTimeout(this.#timers.get(name));
      this.#timers.delete(name);
    }
  }

  clearAll(): void {
    this.clear(...this.#timers.keys());
  }

  soon(work: () => void): void {
    this.#due.push(work);
    this.wake();
  }

  /** Does what is due. */
  run(): void {
    for (const work of this.#due.splice(0)) work();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Returns when something is due, or after {@link wake}. `isAwake`: there is something to do already. */
  async sleep(isAwake: () => boolean): Promise<void> {
    if (this.#due.length > 0 || isAwake()) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
