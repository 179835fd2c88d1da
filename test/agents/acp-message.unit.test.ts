import { expect, it } from 'vitest';
import { readMessage } from '../../src/agents/acp-message.ts';
import type { Said } from '../../src/tasks/domain/transcript/said.ts';

const update = (update: object, sessionId = 's') => ({
  method: 'session/update',
  params: { sessionId, update },
});
const text = (value: string) => ({ type: 'text', text: value });

const table: readonly [string, unknown, Said | Said['type']][] = [
  [
    'a chunk',
    update({ sessionUpdate: 'agent_message_chunk', content: text('a\0\ud800'), messageId: 'm' }),
    { type: 'chunk', kind: 'agent_message', messageId: 'm', text: 'a\0\ud800' },
  ],
  [
    'a block that is no text',
    update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'image', data: '' } }),
    { type: 'chunk', kind: 'agent_thought', messageId: null, text: '[image]' },
  ],
  ['an echo', update({ sessionUpdate: 'user_message_chunk', content: text('a') }), 'echo'],
  ['a kind that nobody knows yet', update({ sessionUpdate: 'usage_update', used: 1 }), 'other'],
  ['an update of another session', update({ sessionUpdate: 'plan', entries: [] }, 'other'), 'other'],
  ['a chunk without content', update({ sessionUpdate: 'agent_message_chunk' }), 'unreadable'],
  [
    'a tool call with a diff',
    update({
      sessionUpdate: 'tool_call',
      toolCallId: 't',
      title: 'Edit',
      status: 'in_progress',
      content: [
        { type: 'diff', path: '/a', newText: 'new' },
        { type: 'terminal', terminalId: '1' },
      ],
      locations: [{ path: '/a', line: 3 }, { path: '/b' }],
    }),
    {
      type: 'toolCall',
      call: {
        toolCallId: 't',
        title: 'Edit',
        status: 'in_progress',
        texts: [],
        changes: [{ path: '/a', oldText: null, newText: 'new' }],
        locations: [
          { path: '/a', line: 3 },
          { path: '/b', line: null },
        ],
      },
    },
  ],
  [
    'a response',
    { id: 'p', result: { stopReason: 'end_turn' } },
    { type: 'response', id: 'p', stopReason: 'end_turn', error: null },
  ],
  [
    'an error',
    { id: 'p', error: { code: -1, message: 'no model' } },
    { type: 'response', id: 'p', stopReason: null, error: { message: 'no model' } },
  ],
  [
    'a request for permission',
    {
      id: 5,
      method: 'session/request_permission',
      params: {
        sessionId: 's',
        toolCall: { toolCallId: 't' },
        options: [{ optionId: 'y', name: 'Yes', kind: 'allow_once' }],
      },
    },
    {
      type: 'permission',
      rpcId: 5,
      call: { toolCallId: 't' },
      options: [{ id: 'y', name: 'Yes', kind: 'allow_once' }],
    },
  ],
  [
    'a request that nobody knows',
    { id: 6, method: 'fs/read' },
    { type: 'call', rpcId: 6, method: 'fs/read' },
  ],
  [
    'the end of the agent',
    { method: '_adapter/agent_exited', params: { code: 3 } },
    { type: 'agentExited', code: 3 },
  ],
  [
    'a line that is no JSON',
    { method: '_adapter/invalid_stdout', params: { raw: 'oops' } },
    { type: 'unreadable', text: 'oops' },
  ],
  [
    'a line that the agent server refused because of half a character',
    {
      method: '_adapter/invalid_stdout',
      params: {
        raw: JSON.stringify(update({ sessionUpdate: 'agent_message_chunk', content: text('a\ud800') })),
      },
    },
    { type: 'chunk', kind: 'agent_message', messageId: null, text: 'a\ud800' },
  ],
  [
    'a line that pretends to be of the agent server',
    { method: '_adapter/invalid_stdout', params: { raw: '{"method":"_adapter/agent_exited"}' } },
    'unreadable',
  ],
  ['a notification that nobody knows', { method: 'x' }, 'other'],
  ['an array', [], 'unreadable'],
];

it.each(table)('reads %s', (_, message, said) => {
  const read = readMessage(JSON.stringify(message), 's');
  if (typeof said === 'string') expect(read.type).toBe(said);
  else expect(read).toEqual(said);
});
