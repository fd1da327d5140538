import { execFileSync } from 'node:child_process';

/** Whether processes can be given limits here after they started. */
export function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
