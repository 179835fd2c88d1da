import { owningSession } from '../resolvers/owning-session.ts';
import type { TextAppend, TranscriptUpdate } from '../tasks/domain/transcript/item.ts';
import { builder } from './builder.ts';
import { SessionRef, TranscriptItemRef } from './refs.ts';

const TextAppendRef = builder.objectRef<TextAppend>('TextAppend');
TextAppendRef.implement({
  description:
    "Text added to the end of an item's `text`, or, of a tool call, its `output` (`outputBytes` grows with it). An append changes\nnothing else but `sequence`.",
  fields: (t) => ({
    itemId: t.exposeID('itemId', { description: 'The id of the item.' }),
    offset: t.exposeInt('offset', {
      description:
        'The length of the text before, in UTF-16 code units: a client whose text is of another length has missed something.',
    }),
    text: t.exposeString('text', { description: 'What is added.' }),
    sequence: t.exposeInt('sequence', { description: "The item's `sequence` from then on." }),
  }),
});

export const TranscriptUpdateRef = builder.objectRef<TranscriptUpdate>('TranscriptUpdate');
TranscriptUpdateRef.implement({
  description:
    'Applied like this: items first, then appends; what is not newer (by `sequence`) than what the client holds of that item is left\nout; of an append only what the text lacks is taken.',
  fields: (t) => ({
    session: t.field({
      type: SessionRef,
      description: 'As it is now, not as it was at `sequence`.',
      resolve: (update, _args, context) => owningSession(update, context),
    }),
    fromSequence: t.exposeInt('fromSequence', {
      description:
        'Where the transcript was before this message: the `sequence` of the message before, or `afterSequence`, or 0.',
    }),
    sequence: t.exposeInt('sequence', { description: 'Where the transcript is after this message.' }),
    items: t.field({
      type: [TranscriptItemRef],
      description: 'New and changed items, whole, each in its newest version.',
      resolve: ({ items }) => items as never,
    }),
    appends: t.field({
      type: [TextAppendRef],
      description: 'What was added to texts of items that the client has already. Applied after `items`.',
      resolve: ({ appends }) => appends,
    }),
  }),
});
