import { builder } from './builder.ts';

export const SendPromptInputRef = builder.inputType('SendPromptInput', {
  description: 'A prompt for a session.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'The id of the session.' }),
    text: t.string({
      required: true,
      description: 'What is asked. The limits are those of `CreateTaskInput.prompt`.',
    }),
    idempotencyKey: t.string({
      description:
        'Makes the call safe to repeat: the same key with the same input returns the prompt that it stored before, and with another\ninput fails with IDEMPOTENCY_CONFLICT. Kept for at least 24 hours.',
    }),
  }),
});

export const AnswerAgentRequestInputRef = builder.inputType('AnswerAgentRequestInput', {
  description: 'An answer to a request.',
  fields: (t) => ({
    requestId: t.id({ required: true, description: 'The id of the request.' }),
    optionId: t.string({ required: true, description: 'The id of one of its options.' }),
  }),
});
