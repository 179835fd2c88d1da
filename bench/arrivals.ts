/**
 * What has reached one subscription, by revision: counted alone, one that is missing and one that comes twice would make
 * up for each other.
 */
export class Arrivals {
  readonly #base: number;
  /** By its distance from `#base`. */
  readonly #seen: boolean[] = [];
  #begun = false;
  #last: number;
  /** Messages that were not the one after the last. */
  misplaced = 0;

  /** The task is at that revision when it is subscribed to. */
  constructor(base: number) {
    this.#base = base;
    this.#last = base;
  }

  /** `first`: the task as it is. `next`: a revision that has not been here. */
  take(revision: number): 'first' | 'next' | 'again' {
    if (!this.#begun) {
      this.#begun = true;
      return 'first';
    }
    if (revision !== this.#last + 1) this.misplaced += 1;
    this.#last = revision;
    const distance = revision - this.#base;
    // NaN too.
    if (!(distance > 0) || this.#seen[distance]) return 'again';
    this.#seen[distance] = true;
    return 'next';
  }
}
