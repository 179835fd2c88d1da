/** Messages in the order in which they arrived, to be taken one by one. */
export class MessageQueue<Message> {
  /** All messages that have arrived, taken or not. */
  readonly all: Message[] = [];
  #taken = 0;
  #waiting: (() => void)[] = [];
  #end: Error | undefined;

  push(message: Message): void {
    this.all.push(message);
    this.#wake();
  }

  /** Says that nothing more will arrive: calls of `next` that wait reject with the reason. */
  end(reason: string): void {
    this.#end ??= new Error(reason);
    this.#wake();
  }

  /** Takes the next message. Rejects when none arrives within `timeout` milliseconds. */
  async next(timeout = 30_000): Promise<Message> {
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
