import { builder } from './builder.ts';
import { ChatRoleEnum } from './enums.ts';

export const MessageInput = builder.inputType('MessageInput', {
  description: 'One message of a conversation.',
  fields: (t) => ({
    role: t.field({ type: ChatRoleEnum, required: true, description: 'Who speaks.' }),
    content: t.string({ required: true, description: 'What is said: well-formed Unicode.' }),
  }),
});
