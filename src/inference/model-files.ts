import type { ModelFacts, TokenizedPrompt } from '../contracts/inference.ts';
import { messageOf } from '../lib/message-of.ts';
import { untilAborted } from './abortable.ts';
import type { ModelHost } from './model-host.ts';
import type { ModelFile, ModelSources } from './model-source.ts';
import {
  createTokenizerClient,
  type TokenizerModelRef,
  type TokenizerProcessOptions,
  type UntokenizedPrompt,
} from './tokenizer/client.ts';

/**
 * What the models' files say without their weights. A file that is replaced counts from the next start of an engine that reads it:
 * until then, vocabulary and weights stay those that belong together. Several models may share a file.
 */
export interface ModelFiles extends AsyncDisposable {
  readonly tokenizerPid: number | undefined;
  tokenize(host: ModelHost, input: UntokenizedPrompt, signal?: AbortSignal): Promise<TokenizedPrompt>;
  facts(host: ModelHost, signal?: AbortSignal): Promise<ModelFacts>;
  /** The path for an engine that starts. */
  forEngine(host: ModelHost, signal: AbortSignal): Promise<string>;
}

interface KnownFile {
  readonly path: string;
  /** The one that the tokenizer is asked about. */
  version: string;
  readonly hosts: Set<ModelHost>;
  opened: { readonly version: string; readonly facts: ModelFacts } | undefined;
}

export function createModelFiles(sources: ModelSources, options: TokenizerProcessOptions): ModelFiles {
  const disposing = new AbortController();
  const files = new Map<string, KnownFile>();
  const byHost = new Map<ModelHost, KnownFile>();

  const tokenizer = createTokenizerClient({
    ...options,
    opened({ path, version }, facts) {
      const file = files.get(path);
      if (file === undefined) return;
      file.opened = { version, facts };
      for (const host of file.hosts) host.fileOpened(facts);
    },
    unreadable(path, message) {
      for (const host of files.get(path)?.hosts ?? []) host.fileUnreadable(message);
    },
  });

  function know(host: ModelHost, { path, version }: ModelFile): KnownFile {
    const file = files.get(path) ?? { path, version, hosts: new Set(), opened: undefined };
    files.set(path, file);
    byHost.set(host, file);
    file.hosts.add(host);
    return file;
  }

  function isInUse({ hosts }: KnownFile): boolean {
    return [...hosts].some((host) => host.describe().status === 'LOADED');
  }

  async function look(host: ModelHost): Promise<KnownFile> {
    let found: ModelFile;
    try {
      found = await sources.file(host.config, disposing.signal);
    } catch (error) {
      host.fileUnreadable(messageOf(error));
      throw error;
    }
    const file = know(host, found);
    if (!isInUse(file)) file.version = found.version;
    if (file.opened?.version === file.version) host.fileOpened(file.opened.facts);
    return file;
  }

  async function locate(host: ModelHost): Promise<TokenizerModelRef> {
    const known = byHost.get(host);
    const { path, version } = known !== undefined && isInUse(known) ? known : await look(host);
    const { name, contextSize } = host.config;
    return { name, contextSize, file: { path, version } };
  }

  return {
    get tokenizerPid() {
      return tokenizer.pid;
    },
    async tokenize(host, input, signal) {
      return tokenizer.tokenize(await untilAborted(signal, () => locate(host)), input, signal);
    },
    async facts(host, signal = disposing.signal) {
      const model = await untilAborted(signal, () => locate(host));
      const file = files.get(model.file.path)!;
      if (file.opened?.version !== model.file.version) {
        await tokenizer.tokenize(model, { type: 'text', text: '' }, signal);
      }
      return file.opened!.facts;
    },
    async forEngine(host, signal) {
      const found = await sources.file(host.config, signal);
      know(host, found).version = found.version;
      return found.path;
    },
    async [Symbol.asyncDispose]() {
      disposing.abort();
      await tokenizer[Symbol.asyncDispose]();
    },
  };
}
