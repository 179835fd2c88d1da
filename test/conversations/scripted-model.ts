import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

interface ModelMessage {
  readonly role: string;
  readonly content: unknown;
}

interface ModelRequest {
  readonly messages: readonly ModelMessage[];
  readonly tools?: readonly unknown[];
}

/** What a prompt makes the model do. */
export type ModelAnswer =
  | { readonly say: readonly string[] }
  | { readonly call: string; readonly args: object; readonly thenSay: readonly string[] }
  | { readonly failWith: number };

/**
 * A model behind the HTTP API of OpenAI's chat completions, which most agents can use. It answers each prompt by what the script
 * says; other requests of the agent, for a title for instance, it answers with a word.
 */
export class ScriptedModel implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #script: Readonly<Record<string, ModelAnswer>>;
  /** What the last request about the conversation held. */
  #conversation: readonly ModelMessage[] = [];

  constructor(server: Server, script: Readonly<Record<string, ModelAnswer>>) {
    this.#server = server;
    this.#script = script;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    server.on('request', async (request, response) => {
      this.#answer((await json(request)) as ModelRequest, response);
    });
  }

  static async start(script: Readonly<Record<string, ModelAnswer>>): Promise<ScriptedModel> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedModel(server, script);
  }

  /** The prompts of the script that the agent has sent in its last request, in their order. */
  get prompts(): string[] {
    const prompts = Object.keys(this.#script);
    return this.#conversation
      .filter(({ role }) => role === 'user')
      .flatMap(({ content }) => prompts.filter((prompt) => JSON.stringify(content).includes(prompt)));
  }

  #answer({ messages, tools }: ModelRequest, response: ServerResponse): void {
    const isAboutConversation = tools !== undefined && tools.length > 0;
    if (isAboutConversation) this.#conversation = messages;
    const answer = isAboutConversation ? this.#script[this.prompts.at(-1) ?? ''] : undefined;
    if (!answer) sendParts(response, contents(['A word']));
    else if ('failWith' in answer) {
      const error = { message: 'The model is out of order.', type: 'invalid_request_error' };
      response.writeHead(answer.failWith, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error }));
    } else if ('say' in answer) sendParts(response, contents(answer.say));
    else if (messages.at(-1)?.role === 'tool') sendParts(response, contents(answer.thenSay));
    else {
      const call = { name: answer.call, arguments: JSON.stringify(answer.args) };
      const toolCall = { index: 0, id: 'call_1', type: 'function', function: call };
      sendParts(response, [{ tool_calls: [toolCall] }], 'tool_calls');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function contents(texts: readonly string[]): object[] {
  return texts.map((content) => ({ content }));
}

function sendParts(response: ServerResponse, parts: readonly object[], reason = 'stop'): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (delta: object, finish_reason: string | null) => {
    const chunk = { id: 'completion', object: 'chat.completion.chunk', created: 1, model: 'scripted' };
    response.write(
      `data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
    );
  };
  send({ role: 'assistant' }, null);
  for (const part of parts) send(part, null);
  send({}, reason);
  response.end('data: [DONE]\n\n');
}
