import { createModelDownloader } from 'node-llama-cpp';

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

/** Downloads a model file unless it is there already, whole; the result is its path. */
export async function downloadModel(options: DownloadOptions): Promise<string> {
  const { onProgress, huggingFaceEndpoint } = options;
  const downloader = await createModelDownloader({
    modelUri: options.uri,
    dirPath: options.directory,
    showCliProgress: false,
    skipExisting: true,
    ...(huggingFaceEndpoint !== undefined && { endpoints: { huggingFace: huggingFaceEndpoint } }),
    ...(onProgress && {
      onProgress: (status) => onProgress({ totalBytes: status.totalSize, downloadedBytes: status.downloadedSize }),
    }),
  });
  return downloader.download({ signal: options.signal });
}
