import { dirname } from 'node:path';
import { DomainError } from '../../contracts/errors.ts';
import type { ModelFacts, PromptInput, TokenizedPrompt } from '../../contracts/inference.ts';
import { compiledFile } from '../../lib/compiled-file.ts';
import type { Settle } from '../../lib/settle.ts';
import { abortable } from '../abortable.ts';
import { type Child, type Environment, startChild } from '../child-process.ts';
import {
  messagesRefused,
  modelUnreadable,
  noChatTemplate,
  promptTooLong,
  tokenizerCrashed,
  tokenizerStopped,
} from '../failures.ts';
import type { Log } from '../log.ts';
import type { ModelFile } from '../model-source.ts';
import type { FromTokenizer, TokenizerRefusal, ToTokenizer } from '../protocol.ts';
import { createReportOnce } from '../report-once.ts';
import { withoutFolders } from '../without-folders.ts';

export type UntokenizedPrompt = Exclude<PromptInput, { readonly type: 'tokens' }>;

export interface TokenizerModelRef {
  readonly name: string;
  readonly file: ModelFile;
  readonly contextSize: number;
}

/** The tokenizer process seen from its host: started by the first request, and by the next one after a crash. */
export interface TokenizerClient extends AsyncDisposable {
  readonly pid: number | undefined;
  tokenize(model: TokenizerModelRef, input: UntokenizedPrompt, signal?: AbortSignal): Promise<TokenizedPrompt>;
}

export interface TokenizerProcessOptions {
  readonly environment: Environment;
  readonly hangSeconds: number;
  readonly log: Log;
  /** A file whose opening killed the process is not opened again for so long; twice as long after each further death, up to an hour. */
  readonly reopenSeconds: number;
}

export interface TokenizerClientOptions extends TokenizerProcessOptions {
  opened(file: ModelFile, facts: ModelFacts): void;
  unreadable(path: string, message: string): void;
}

interface PendingRequest extends Settle<TokenizedPrompt> {
  readonly model: TokenizerModelRef;
}

/** Everybody whose prompt is being tokenised pays for another try. */
const longestReopenSeconds = 3_600;

export function createTokenizerClient(
  options: TokenizerClientOptions,
  startProcess: typeof startChild = startChild,
): TokenizerClient {
  const pending = new Map<number, PendingRequest>();
  const opening = new Set<string>();
  const deadly = new Map<string, { readonly message: string; readonly until: number; readonly deaths: number }>();
  const report = createReportOnce(options.log);
  let child: Child<ToTokenizer> | undefined;
  let lastRequestId = 0;
  let disposed = false;

  function start(): Child<ToTokenizer> {
    return startProcess<ToTokenizer, FromTokenizer>({
      file: compiledFile(import.meta.url, 'main'),
      label: 'tokenizer',
      environment: options.environment,
      hangSeconds: options.hangSeconds,
      stallSeconds: Number.POSITIVE_INFINITY,
      log: options.log,
      receive(message) {
        switch (message.type) {
          case 'opening':
            opening.add(message.modelPath);
            return;
          case 'opened':
            opening.delete(message.modelPath);
            deadly.delete(message.modelPath);
            report.well(message.modelPath);
            options.opened({ path: message.modelPath, version: message.fileVersion }, message.facts);
            return;
          case 'tokens':
            take(message.requestId)?.resolve({ tokens: message.tokens });
            return;
          case 'refused': {
            const request = take(message.requestId);
            if (request === undefined) return;
            opening.delete(request.model.file.path);
            if (message.refusal.reason === 'unreadable') {
              unreadable(request.model.file.path, message.refusal.message);
            }
            request.reject(refusalError(request.model, message.refusal));
            return;
          }
          default:
            message satisfies never;
        }
      },
      ended(reason) {
        child = undefined;
        if (disposed) return;
        options.log('error', `tokenizer ${reason}`);
        for (const path of opening) {
          const message = `the process that opened it ${reason}`;
          const deaths = (deadly.get(path)?.deaths ?? 0) + 1;
          const seconds = Math.min(options.reopenSeconds * 2 ** (deaths - 1), longestReopenSeconds);
          deadly.set(path, { message, until: Date.now() + seconds * 1000, deaths });
          unreadable(path, message);
        }
        opening.clear();
        rejectAll(tokenizerCrashed());
      },
    });
  }

  function unreadable(path: string, reason: string): void {
    report.wrong(path, `${path} cannot be read: ${reason}`);
    options.unreadable(path, shownReason(path, reason));
  }

  function take(requestId: number): PendingRequest | undefined {
    const request = pending.get(requestId);
    pending.delete(requestId);
    return request;
  }

  function rejectAll(error: DomainError): void {
    for (const requestId of [...pending.keys()]) take(requestId)?.reject(error);
  }

  return {
    get pid() {
      return child?.pid;
    },

    tokenize(model, input, signal) {
      const blocked = deadly.get(model.file.path);
      if (blocked !== undefined && Date.now() < blocked.until) {
        return Promise.reject(refusalError(model, { reason: 'unreadable', message: blocked.message }));
      }
      if (disposed) return Promise.reject(tokenizerStopped());
      return abortable<TokenizedPrompt>(signal, (settle) => {
        const requestId = ++lastRequestId;
        pending.set(requestId, { model, ...settle });
        child ??= start();
        child.send({
          type: 'tokenize',
          requestId,
          modelPath: model.file.path,
          fileVersion: model.file.version,
          contextSize: model.contextSize,
          input: toWire(input),
        });
        // Stays pending: what is said of the file counts without its asker.
        return () => {};
      });
    },

    async [Symbol.asyncDispose]() {
      disposed = true;
      rejectAll(tokenizerStopped());
      await child?.[Symbol.asyncDispose]();
    },
  };
}

/** Templates know the roles in lower case. */
function toWire(input: UntokenizedPrompt) {
  if (input.type === 'text') return input;
  return {
    type: 'messages' as const,
    messages: input.messages.map(({ role, content }) => ({ role: role.toLowerCase(), content })),
  };
}

function refusalError(model: TokenizerModelRef, refusal: TokenizerRefusal): DomainError {
  switch (refusal.reason) {
    case 'too-long':
      return promptTooLong(model.name, refusal.atLeastTokens, model.contextSize);
    case 'no-template':
      return noChatTemplate(model.name);
    case 'template':
      return messagesRefused(`The chat template of ${model.name} refuses these messages: ${refusal.message}`);
    case 'unreadable':
      return modelUnreadable(model.name, shownReason(model.file.path, refusal.message));
    case 'failed':
      return new DomainError('INTERNAL', `The prompt could not be tokenised: ${refusal.message}`);
    default:
      return refusal satisfies never;
  }
}

function shownReason(path: string, reason: string): string {
  return withoutFolders(`${path}: ${reason}`, dirname(path));
}
