import { Template } from '@huggingface/jinja';

export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
}

export interface ControlTexts {
  readonly bos: string;
  readonly eos: string;
}

/** A prompt as the template wrote it; only its own parts may be read as control tokens. */
export type PromptPart =
  | { readonly type: 'template'; readonly text: string }
  | { readonly type: 'content'; readonly text: string };

/** A model's own chat template. Rendering throws what the template raises, as with roles that do not alternate. */
export interface ChatTemplate {
  /** The whole prompt, as the reference implementations write it: contents are part of the text. */
  render(messages: readonly TemplateMessage[]): string;
  /** The same prompt with the contents apart. */
  renderParts(messages: readonly TemplateMessage[]): readonly PromptPart[];
}

/** A space that templates do not use themselves: whether it is still around a mark shows whether contents are trimmed. */
const edge = '\u2003';

export function createChatTemplate(source: string, control: ControlTexts): ChatTemplate {
  const template = new Template(source);

  function render(messages: readonly TemplateMessage[]): string {
    return template.render({
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: control.bos,
      eos_token: control.eos,
    });
  }

  return {
    render,
    renderParts(messages) {
      const marks = messages.map((_, index) => `\u{F0000}content-${index}\u{F0001}`);
      const rendered = render(messages.map(({ role }, index) => ({ role, content: `${edge}${marks[index]}${edge}` })));
      return splitAtMarks(rendered, marks, messages);
    },
  };
}

function splitAtMarks(
  rendered: string,
  marks: readonly string[],
  messages: readonly TemplateMessage[],
): readonly PromptPart[] {
  const parts: PromptPart[] = [];
  let rest = rendered;
  const marked = /(\u2003?)\u{F0000}content-(\d+)\u{F0001}(\u2003?)/u;
  for (let found = marked.exec(rest); found !== null; found = marked.exec(rest)) {
    const [whole, before, index, after] = found;
    let content = messages[Number(index)]?.content ?? '';
    if (before === '') content = content.trimStart();
    if (after === '') content = content.trimEnd();
    parts.push({ type: 'template', text: rest.slice(0, found.index) }, { type: 'content', text: content });
    rest = rest.slice(found.index + whole.length);
  }
  parts.push({ type: 'template', text: rest });
  const missing = marks.findIndex((mark) => !rendered.includes(mark));
  if (missing >= 0) throw new Error(`the template leaves out message ${missing} (${messages[missing]?.role})`);
  return parts.filter(({ text }) => text !== '');
}
