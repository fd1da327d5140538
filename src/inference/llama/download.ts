import { createModelDownloader } from 'node-llama-cpp';
import { messageOf } from '../../lib/message-of.ts';

export interface DownloadProgress {
  readonly totalBytes: number;
  readonly downloadedBytes: number;
}

export interface DownloadOptions {
  /** `hf:user/model/file.gguf`, `https://…`. */
  readonly uri: string;
  readonly directory: string;
  /** Instead of https://huggingface.co/, for `hf:`. */
  readonly huggingFaceEndpoint?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal: AbortSignal;
}

const huggingFace = 'https://huggingface.co/';
const longestConnectMilliseconds = 15_000;

/** Downloads a model file unless it is there already, whole; the result is its path. */
export async function downloadModel(options: DownloadOptions): Promise<string> {
  const { uri, onProgress, signal } = options;
  const endpoint = options.huggingFaceEndpoint ?? huggingFace;
  await reach(uri.startsWith('hf:') ? endpoint : uri, signal);
  const downloader = await createModelDownloader({
    modelUri: uri,
    dirPath: options.directory,
    showCliProgress: false,
    skipExisting: true,
    endpoints: { huggingFace: endpoint },
    ...(onProgress && {
      onProgress: (status) => onProgress({ totalBytes: status.totalSize, downloadedBytes: status.downloadedSize }),
    }),
  });
  return downloader.download({ signal });
}

/** The downloader tries a host that does not answer for ever, and does not say so. */
async function reach(url: string, signal: AbortSignal): Promise<void> {
  const { origin } = new URL(url);
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(longestConnectMilliseconds)]);
    await fetch(origin, { method: 'HEAD', redirect: 'manual', signal: within });
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${origin} cannot be reached: ${messageOf((error as Error).cause ?? error)}`);
  }
}
