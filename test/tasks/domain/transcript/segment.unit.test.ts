import { describe, expect, it } from 'vitest';
import type { ItemChange, TranscriptItem } from '../../../../src/tasks/domain/transcript/item.ts';
import type { Said, ToolCallSaid } from '../../../../src/tasks/domain/transcript/said.ts';
import { Segment } from '../../../../src/tasks/domain/transcript/segment.ts';

const empty = { position: 0, turnPosition: 1, promptId: null, items: [] };
const says = (text: string, messageId: string | null = null): Said => ({
  type: 'chunk',
  kind: 'agent_message',
  messageId,
  text,
});
const thinks = (text: string): Said => ({ type: 'chunk', kind: 'agent_thought', messageId: null, text });
const uses = (toolCallId: string, more: Omit<ToolCallSaid, 'toolCallId'> = {}): Said => ({
  type: 'toolCall',
  call: { toolCallId, ...more },
});
const plans = (...contents: string[]): Said => ({
  type: 'plan',
  entries: contents.map((content) => ({ content, status: 'pending', priority: 'medium' })),
});

/** A store in memory, kept by the rules of the real one. */
class Stored {
  readonly items: TranscriptItem[] = [];
  apply(changes: readonly ItemChange[]): this {
    for (const change of changes) {
      const at = change.position - 1;
      const item = this.items[at] as TranscriptItem;
      if (change.type === 'insert') {
        expect(this.items).toHaveLength(at);
        this.items.push({ ...change, id: `item_${change.position}` } as unknown as TranscriptItem);
      } else if (change.type === 'append') {
        expect(change.offset).toBe(item.text.length);
        this.items[at] = { ...item, text: item.text + change.text } as TranscriptItem;
      } else {
        const text = change.text ?? item.text + change.tail;
        const { data, isComplete } = change;
        this.items[at] = { ...item, data, isComplete, text } as TranscriptItem;
      }
    }
    return this;
  }
  get shown(): string[] {
    return this.items.map(({ kind, text, isComplete }) => `${kind}:${text}${isComplete ? '' : '…'}`);
  }
}

const table: readonly [string, readonly Said[], readonly string[]][] = [
  ['one run of chunks is one item', [says('a'), says('b')], ['agent_message:ab…']],
  ['another kind ends a run', [says('a'), thinks('b')], ['agent_message:a', 'agent_thought:b…']],
  ['another messageId ends a run', [says('a', '1'), says('b', '2')], ['agent_message:a', 'agent_message:b…']],
  ['the same messageId goes on', [says('a', '1'), says('b', '1')], ['agent_message:ab…']],
  [
    'a run goes on as another item after a tool call',
    [says('a'), uses('t'), says('b')],
    ['agent_message:a', 'tool_call:…', 'agent_message:b…'],
  ],
  [
    'an update of a tool call ends no run',
    [uses('t'), says('a'), uses('t', { texts: ['out'] }), says('b')],
    ['tool_call:out…', 'agent_message:ab…'],
  ],
  [
    'the first plan ends a run, and its replacement does not',
    [plans('1'), says('a'), plans('2'), says('b')],
    ['plan:…', 'agent_message:ab…'],
  ],
  ['texts are joined by newlines', [uses('t', { texts: ['a', 'b'] })], ['tool_call:a\nb…']],
  ['raw output is JSON', [uses('t', { rawOutput: { a: 1 } })], ['tool_call:{"a":1}…']],
  [
    'raw output does not take the place of texts',
    [uses('t', { texts: ['a'] }), uses('t', { rawOutput: 1 })],
    ['tool_call:a…'],
  ],
  [
    'contents without texts leave raw output as it is',
    [uses('t', { rawOutput: 1 }), uses('t', { texts: [], changes: [] })],
    ['tool_call:1…'],
  ],
  [
    'a tool call that has completed is complete',
    [uses('t', { texts: ['a'] }), uses('t', { status: 'completed' })],
    ['tool_call:a'],
  ],
  [
    'a tool call that is complete takes what its agent adds to it',
    [uses('t', { texts: ['a'], status: 'failed' }), uses('t', { texts: ['ab'] }), uses('t', { title: 'T' })],
    ['tool_call:ab'],
  ],
  [
    'what cannot be read is a notice',
    [says('a'), { type: 'unreadable', text: '?' }],
    ['agent_message:a', 'notice:A message of the agent could not be read: ?'],
  ],
];

describe('I17 a segment of a transcript', () => {
  it.each(table)('%s', (_, said, shown) => {
    // All at once, and each message by itself with a new follower in between.
    const atOnce = new Segment(empty);
    for (const each of said) atOnce.say(each);
    expect(new Stored().apply(atOnce.take()).shown).toEqual(shown);

    const stored = new Stored();
    for (const each of said) {
      // As it is read from the real one: the texts of complete items are left out.
      const items = stored.items.map((item) => (item.isComplete ? { ...item, text: '' } : item));
      const segment = new Segment({ ...empty, position: stored.items.length, items });
      segment.say(each);
      stored.apply(segment.take());
    }
    expect(stored.shown).toEqual(shown);
  });

  it('completes all items at the end of a turn', () => {
    const segment = new Segment(empty);
    segment.beginTurn('prompt_1', 'Go');
    for (const each of [
      plans('x'),
      uses('done', { status: 'completed' }),
      uses('open', { status: 'in_progress' }),
      says('a'),
    ]) {
      segment.say(each);
    }
    segment.endTurn('CANCELED', null);
    const { items } = new Stored().apply(segment.take());
    expect(items.every(({ isComplete }) => isComplete)).toBe(true);
    expect(items.map(({ kind }) => kind)).toEqual([
      'user_message',
      'plan',
      'tool_call',
      'tool_call',
      'agent_message',
      'turn_end',
    ]);
    const statuses = items.flatMap((item) => (item.kind === 'tool_call' ? item.data.status : []));
    expect(statuses).toEqual(['completed', 'canceled']);
    expect(segment).toMatchObject({ position: 6, turnPosition: 7, promptId: null });
  });

  it('fails the tool calls of a turn that ends by itself', () => {
    const segment = new Segment(empty);
    segment.say(uses('open'));
    segment.endTurn('END_TURN', null);
    const [call] = new Stored().apply(segment.take()).items;
    expect(call).toMatchObject({ data: { status: 'failed' } });
  });

  it('makes a new item for the id of a tool call of an earlier turn', () => {
    const segment = new Segment(empty);
    segment.say(uses('t', { title: 'first' }));
    segment.endTurn('END_TURN', null);
    segment.say(uses('t', { title: 'second' }));
    const { items } = new Stored().apply(segment.take());
    expect(items.flatMap((item) => (item.kind === 'tool_call' ? item.data.title : []))).toEqual([
      'first',
      'second',
    ]);
  });

  it('appends text that grows, and rewrites none of it', () => {
    const segment = new Segment(empty);
    segment.say(says('a'));
    segment.take();
    segment.say(says('bc'));
    expect(segment.take()).toEqual([{ type: 'append', position: 1, offset: 1, text: 'bc' }]);
    segment.say(says('d'));
    segment.say(uses('t'));
    expect(segment.take()).toMatchObject([
      { type: 'update', position: 1, text: null, tail: 'd', isComplete: true },
      { type: 'insert', position: 2 },
    ]);
  });

  it('appends the output of a tool call that only grows', () => {
    const segment = new Segment(empty);
    segment.say(uses('t', { texts: ['one'] }));
    segment.take();
    segment.say(uses('t', { texts: ['one, two'] }));
    expect(segment.take()).toEqual([{ type: 'append', position: 1, offset: 3, text: ', two' }]);
    segment.say(uses('t', { texts: ['other'] }));
    expect(segment.take()).toMatchObject([{ type: 'update', text: 'other', data: { outputBytes: 5 } }]);
  });
});
