import { type ExecutionResult, executeSubscriptionEvent, type ValidatedSubscriptionArgs } from 'graphql';
import { formatError, rootCause, type TranslateError } from '../graphql/errors.ts';

/**
 * Runs and serializes each message of a subscription once for all subscribers who would get the same. Two of them do when
 * their sources yield the same object and they have the same document, operation, variables and rights. Results live as
 * long as the value that they are of.
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
   * The payload of a `next` message, as JSON. `key` says what besides the value the payload depends on. Throws what is
   * transient: a message with an error in its place would be a value that the subscriber never sees.
   */
  payload(value: unknown, key: string, args: ValidatedSubscriptionArgs): Promise<string> {
    if (typeof value !== 'object' || value === null) return this.#run(value, args);
    let ofValue = this.#payloads.get(value);
    if (!ofValue) {
      ofValue = new Map();
      this.#payloads.set(value, ofValue);
    }
    let payload = ofValue.get(key);
    if (!payload) {
      payload = this.#run(value, args);
      ofValue.set(key, payload);
      payload.catch(() => ofValue.delete(key));
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
