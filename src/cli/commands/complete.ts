import { type Command, InvalidArgumentError } from 'commander';
import { complete, firstModel } from '../complete.ts';
import { connectToServer } from '../connect.ts';
import { Failure } from '../failure.ts';
import { plainText } from '../plain-text.ts';
import { addSettings, clientSettings, flagsOf } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

interface CompleteOptions extends Readonly<Record<string, unknown>> {
  readonly model?: string;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly chat?: true;
  readonly system?: string;
  readonly json?: true;
}

export function addCompleteCommand(program: Command, terminal: Terminal): void {
  addSettings(program.command('complete'), clientSettings)
    .description('complete a prompt; the text is printed as it is generated')
    .argument('[prompt]', 'the prompt; "-" or none reads it from stdin')
    .option('--model <name>', 'the model, by name or alias (default: the first that "sluice models list" shows)')
    .option('--max-tokens <n>', "most tokens to generate (default: the model's)", parseNumber)
    .option('--temperature <t>', '0 for the likeliest text, up to 2 (default: 1)', parseNumber)
    .option('--top-p <p>', 'nucleus sampling (default: 1)', parseNumber)
    .option('--seed <n>', 'makes the result repeatable (default: random)', parseNumber)
    .option('--stop <texts...>', 'end before any of these texts')
    .option('--chat', 'send the prompt as a chat message, in the model’s own template')
    .option('--system <text>', 'a system message; implies --chat')
    .option('--json', 'print the finished completion as one JSON line instead')
    .action(async (prompt: string | undefined, options: CompleteOptions) => {
      const text = await readPrompt(prompt, terminal);
      await using connection = await connectToServer(flagsOf(options, clientSettings), terminal.environment);
      const { maxTokens, temperature, topP, seed, stop } = options;
      const model = options.model ?? (await firstModel(connection));
      const completion = await complete(connection, terminal, {
        input: { model, maxTokens, temperature, topP, seed, stop, ...promptInput(text, options) },
        onText: options.json ? () => {} : (delta) => terminal.out(terminal.interactive ? plainText(delta) : delta),
      });
      if (options.json) terminal.out(`${JSON.stringify(completion)}\n`);
      else if (terminal.interactive && !completion.choices[0]?.text.endsWith('\n')) terminal.out('\n');
      if (completion.error) throw new Failure(`${completion.error.message} (${completion.error.code})`);
      if (completion.status === 'CANCELLED') throw new Failure('the completion was cancelled');
    });
}

async function readPrompt(prompt: string | undefined, terminal: Terminal): Promise<string> {
  if (prompt !== undefined && prompt !== '-') return prompt;
  const input = await terminal.readInput();
  if (!input) throw new Failure('there is no prompt: give one as the argument, or on stdin');
  return input;
}

function promptInput(text: string, { chat, system }: CompleteOptions) {
  if (!chat && system === undefined) return { prompt: text };
  const user = { role: 'USER', content: text };
  return { messages: system === undefined ? [user] : [{ role: 'SYSTEM', content: system }, user] };
}

/** Ranges are the server's business. */
function parseNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('write a number.');
  return number;
}
