import type { CreateWebhookInput, UpdateWebhookInput } from '../tasks/webhooks.ts';
import { builder } from './builder.ts';

const about = {
  url: 'An https URL of at most 2,000 characters, without user and password. Not of a private, loopback or link-local address.',
  kinds: 'Kinds of events, as in `TaskEvent.kind`; at least one.',
};

export const CreateWebhookInputRef = builder.inputRef<CreateWebhookInput>('CreateWebhookInput');

CreateWebhookInputRef.implement({
  description: 'Where to send revisions, and which.',
  fields: (t) => ({
    url: t.string({ required: true, description: about.url }),
    kinds: t.stringList({ description: `${about.kinds} By default all.` }),
    idempotencyKey: t.string({
      description:
        'As in `CreateTaskInput`. The webhook comes with its secret, until it is deleted or its secret replaced.',
    }),
  }),
});

export const UpdateWebhookInputRef = builder.inputRef<UpdateWebhookInput>('UpdateWebhookInput');

UpdateWebhookInputRef.implement({
  description: 'What changes of a webhook. What is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The webhook.' }),
    url: t.string({ description: about.url }),
    kinds: t.stringList({ description: `${about.kinds} Null: all.` }),
    isEnabled: t.boolean({
      description:
        'Whether it is switched on. While it is switched off no revision is stored for it; what was stored before is sent when it is\nswitched on again.',
    }),
  }),
});
