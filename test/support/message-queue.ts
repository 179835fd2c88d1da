/** What arrived and has not been asked for yet, or is asked for and has not arrived. */
export class MessageQueue<Message> {
  /** Everything that ever arrived. */
  readonly all: Message[] = [];
  #taken = 0;
  #waiting: (() => void)[] = [];
  #end: Error | undefined;

  push(message: Message): void {
    this.all.push(message);
    this.#wake();
  }

  /** Nothing more will come: whoever waits is told why. */
  end(reason: string): void {
    this.#end ??= new Error(reason);
    this.#wake();
  }

  /** The next one, within `timeout` milliseconds. */
  async next(timeout = 5_000): Promise<Message> {
    const deadline = Date.now() + timeout;
    while (this.#taken >= this.all.length) {
      if (this.#end) throw this.#end;
      await this.#change(deadline - Date.now(), `no message within ${timeout} ms`);
    }
    const message = this.all[this.#taken++];
    return message as Message;
  }

  #change(timeout: number, late: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(late)), timeout);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
