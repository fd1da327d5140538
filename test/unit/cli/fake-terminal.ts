import type { Terminal } from '../../../src/cli/terminal.ts';
import type { Environment } from '../../../src/config.ts';

export interface FakeTerminal extends Terminal {
  readonly output: () => string;
  readonly notes: () => string;
  interrupt(exitCode?: number): void;
  closeOutput(): void;
}

/** A terminal that remembers; `environment` is the whole environment. */
export function createFakeTerminal(options: { environment?: Environment; input?: string } = {}): FakeTerminal {
  const { environment = {}, input } = options;
  const interrupted = new AbortController();
  const outputClosed = new AbortController();
  let output = '';
  let notes = '';
  return {
    out(text) {
      output += text;
    },
    note(line) {
      notes += `${line}\n`;
    },
    interactive: false,
    readInput: async () => input,
    interrupted: interrupted.signal,
    insisted: new AbortController().signal,
    outputClosed: outputClosed.signal,
    environment,
    output: () => output,
    notes: () => notes,
    interrupt: (exitCode = 130) => interrupted.abort(exitCode),
    closeOutput: () => outputClosed.abort(),
  };
}
