export function build(
  progress: (label: string, work: () => Promise<void>) => Promise<void>,
  names?: readonly ('generate' | 'compile')[],
): Promise<void>;
export function reportBuildError(error: Error): void;
