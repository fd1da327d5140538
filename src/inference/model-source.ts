import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf } from '../lib/message-of.ts';
import { modelUnreadable } from './failures.ts';
import { createFetchedFiles } from './fetched-files.ts';
import { createFileSums } from './file-sums.ts';
import { fileVersion } from './file-version.ts';
import type { Log } from './log.ts';
import type { ModelConfig } from './model-config.ts';
import { createReportOnce } from './report-once.ts';
import { withoutFolders } from './without-folders.ts';

export interface ModelSources {
  /** The model's file as it lies there now, downloaded and checked if need be. Throws MODEL_UNAVAILABLE with the reason. */
  file(model: ModelConfig, signal: AbortSignal): Promise<ModelFile>;
  /** Whether that needs no download. */
  isHere(model: ModelConfig): boolean;
}

export interface ModelFile {
  readonly path: string;
  readonly version: string;
}

export interface ModelSourceOptions {
  /** What relative `file:` sources are relative to. */
  readonly baseDirectory: string;
  /** Where downloads are kept, each source's in a folder of its own. */
  readonly modelsDirectory: string;
  readonly huggingFaceEndpoint?: string;
  readonly log: Log;
}

export function createModelSources(options: ModelSourceOptions): ModelSources {
  /** Those that run, by source. */
  const downloads = new Map<string, Promise<string>>();
  const sumOf = createFileSums();
  const fetched = createFetchedFiles(options.modelsDirectory);
  const report = createReportOnce(options.log);
  const warned = new Set<string>();

  async function locate(model: ModelConfig, signal: AbortSignal): Promise<string> {
    const { source } = model;
    if (source.startsWith('file:')) return resolve(options.baseDirectory, source.slice('file:'.length));
    const present = fetched.path(source);
    if (present !== undefined) return present;
    let download = downloads.get(source);
    if (download === undefined) {
      download = fetchModel(model, signal).finally(() => downloads.delete(source));
      downloads.set(source, download);
    }
    return download;
  }

  async function fetchModel(model: ModelConfig, signal: AbortSignal): Promise<string> {
    const { downloadModel } = await import('./llama/download.ts');
    const directory = join(options.modelsDirectory, folderOf(model.source));
    await mkdir(directory, { recursive: true });
    options.log('info', `model ${model.name}: fetching ${model.source}`);
    let reported = 0;
    const { huggingFaceEndpoint } = options;
    const path = await downloadModel({
      uri: model.source,
      directory,
      signal,
      ...(huggingFaceEndpoint !== undefined && { huggingFaceEndpoint }),
      onProgress({ downloadedBytes, totalBytes }) {
        const tenths = totalBytes > 0 ? Math.floor((downloadedBytes / totalBytes) * 10) : 0;
        if (tenths <= reported) return;
        reported = tenths;
        options.log('info', `model ${model.name}: ${tenths * 10} % of ${totalBytes} bytes`);
      },
    });
    fetched.remember(model.source, path);
    options.log('info', `model ${model.name}: fetched to ${path}`);
    return path;
  }

  async function check(model: ModelConfig, { path, version }: ModelFile): Promise<void> {
    if (model.sha256 === undefined) return;
    const sum = await sumOf(path, version);
    if (sum !== model.sha256.toLowerCase()) throw new Error(`${path} has the SHA-256 ${sum}, not ${model.sha256}`);
  }

  function warnUnchecked({ name, source, sha256 }: ModelConfig): void {
    if (sha256 !== undefined || !/^https?:/u.test(source) || warned.has(source)) return;
    warned.add(source);
    options.log('warn', `model ${name}: without a sha256, whatever ${source} answers is served`);
  }

  return {
    async file(model, signal) {
      warnUnchecked(model);
      let path = options.modelsDirectory;
      try {
        path = await locate(model, signal);
        const file = { path, version: await fileVersion(path) };
        await check(model, file);
        report.well(model.name);
        return file;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const reason = messageOf(error);
        report.wrong(model.name, `model ${model.name} cannot be read: ${reason}`);
        const shown = withoutFolders(reason, dirname(path), options.modelsDirectory);
        throw modelUnreadable(model.name, shown);
      }
    },
    isHere: ({ source }) => source.startsWith('file:') || fetched.path(source) !== undefined,
  };
}

/** Of the source alone: files of one name from two sources are two files. */
function folderOf(source: string): string {
  return createHash('sha256').update(source).digest('hex').slice(0, 16);
}
