import { type ExecutionResult, executeSubscriptionEvent, type ValidatedSubscriptionArgs } from 'graphql';
import { formatError, rootCause, type TranslateError } from '../graphql/errors.ts';

/**
 * Executes and serializes each message of a subscription once for all subscribers that would receive the same. Those are
 * subscribers whose sources yield the same object, with the same document, operation, variables and access scope. A result is
 * kept for as long as the value that it was made from.
 */
export class SharedExecution {
  readonly #payloads = new WeakMap<object, Map<string, Promise<string>>>();
  readonly #translateError: TranslateError;
  readonly #isTransient: (error: unknown) => boolean;

  constructor(translateError: TranslateError, isTransient: (error: unknown) => boolean) {
    this.#translateError = translateError;
    this.#isTransient = isTransient;
  }

  /**
   * The payload of a `next` message, as JSON. `key` identifies everything that the payload depends on, apart from the value.
   * `argsOf` is called for each execution. Rethrows transient errors: sent as a result, they would consume the revision and the
   * client would never get it.
   */
  payload(value: unknown, key: string, argsOf: () => ValidatedSubscriptionArgs): Promise<string> {
    if (typeof value !== 'object' || value === null) return this.#run(value, argsOf());
    let byKey = this.#payloads.get(value);
    if (!byKey) {
      byKey = new Map();
      this.#payloads.set(value, byKey);
    }
    let payload = byKey.get(key);
    if (!payload) {
      payload = this.#run(value, argsOf());
      byKey.set(key, payload);
      payload.catch(() => byKey.delete(key));
    }
    return payload;
  }

  async #run(rootValue: unknown, args: ValidatedSubscriptionArgs): Promise<string> {
    const result = await executeSubscriptionEvent({ ...args, rootValue });
    const transient = result.errors?.map(rootCause).find(this.#isTransient);
    if (transient !== undefined) throw transient;
    return serializeResult(result, this.#translateError);
  }
}

export function serializeResult(result: ExecutionResult, translateError: TranslateError): string {
  const { errors, ...rest } = result;
  if (!errors) return JSON.stringify(rest);
  return JSON.stringify({ errors: errors.map((error) => formatError(translateError(error))), ...rest });
}
