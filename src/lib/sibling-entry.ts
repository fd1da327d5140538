import { fileURLToPath } from 'node:url';

/** How to start a module of ours in a process or thread of its own. */
export interface SiblingEntry {
  readonly file: string;
  readonly execArgv: readonly string[];
}

/**
 * Where the runnable file of a neighbouring module is: the compiled one beside compiled code, the TypeScript source (run through
 * tsx) beside source, as in tests.
 */
export function siblingEntry(moduleUrl: string, name: string): SiblingEntry {
  const fromSource = moduleUrl.endsWith('.ts');
  return {
    file: fileURLToPath(new URL(`${name}.${fromSource ? 'ts' : 'js'}`, moduleUrl)),
    execArgv: fromSource ? ['--import', 'tsx'] : [],
  };
}
