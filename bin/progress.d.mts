export function createProgress(stream?: NodeJS.WriteStream): <T>(label: string, work: () => Promise<T>) => Promise<T>;
