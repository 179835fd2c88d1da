import type { Socket } from 'node:net';
import { Client, type QueryConfig } from 'pg';
import { connectTimeoutMs } from './connection.ts';
import { isDeadlock } from './connection-error.ts';
import { retryOnDeadlock } from './retry.ts';
import { applySessionSettings } from './session-settings.ts';

/**
 * A connection with our session settings.
 *
 * A query without an answer destroys its connection: a pool would otherwise hand it to a caller that waits behind it.
 * Networks drop connections without telling either end. So does an error after which the server ends the connection: the pool would
 * hand it on before that is seen. The loss of a connection rejects its queries, and those to come;
 * it does not end the process, as an error event without a listener would.
 *
 * A statement that PostgreSQL has taken back to resolve a deadlock is sent again, unless it is a part of a transaction, which is taken
 * back with it.
 */
export class DatabaseClient extends Client {
  constructor(...args: ConstructorParameters<typeof Client>) {
    super(...args);
    this.on('error', () => {});
  }

  override connect(): Promise<this>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<this> | undefined {
    const connected = this.#connectAndSetUp();
    if (!callback) return connected;
    connected.then(() => callback(null), callback);
    return undefined;
  }

  override query = ((...args: unknown[]) => {
    const isAlone = this.getTransactionStatus() === 'I';
    const send = () => {
      const result = (super.query as (...args: unknown[]) => unknown).apply(this, args);
      if (result instanceof Promise) result.catch((error: Error) => this.#endAfter(error));
      return result;
    };
    const result = send();
    if (!isAlone || !(result instanceof Promise)) return result;
    return result.catch((error: Error) => {
      if (!isDeadlock(error)) throw error;
      return retryOnDeadlock(async () => send());
    });
  }) as Client['query'];

  /** Ends the connection at once, without a word to the server. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** Ends the connection, and does not wait for the server, which may be gone. */
  close(): void {
    this.end().catch(() => {});
    this.#stream.destroySoon();
  }

  async #connectAndSetUp(): Promise<this> {
    // pg forgets to settle a connect when the client is closed meanwhile.
    const closed = Promise.withResolvers<never>();
    const onEnd = () => closed.reject(new Error('The connection was closed while it was being opened.'));
    this.once('end', onEnd);
    try {
      await Promise.race([super.connect(), closed.promise]);
      const setUp: QueryConfig & { query_timeout: number } = {
        text: applySessionSettings,
        query_timeout: connectTimeoutMs,
      };
      await this.query(setUp);
      return this;
    } catch (error) {
      this.destroy();
      throw error;
    } finally {
      this.off('end', onEnd);
    }
  }

  #endAfter(error: Error & { severity?: string }): void {
    // After a FATAL error the server ends the connection.
    if (error.message !== 'Query read timeout' && error.severity !== 'FATAL') return;
    // A pool learns of it from this, and not only once the socket is closed.
    this.end().catch(() => {});
    this.destroy();
  }

  get #stream(): Socket {
    return (this as unknown as { connection: { stream: Socket } }).connection.stream;
  }
}
