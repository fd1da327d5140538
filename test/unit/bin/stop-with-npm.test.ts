import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const module = pathToFileURL(resolve('bin/stop-with-npm.mjs')).href;
const program = `import { stopWithNpm } from '${module}';
stopWithNpm();
process.on('SIGTERM', () => { console.log('stopped'); process.exit(); });
setTimeout(() => {}, 60_000);
console.log('up');
`;

test.skipIf(process.platform === 'win32')(
  'a script that npm left behind stops as if it had got the SIGTERM',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-npm-'));
    try {
      const script = join(directory, 'script.mjs');
      await writeFile(script, program);
      // As npm does: a shell in between, which does not pass signals on.
      const shell = spawn('sh', ['-c', `"${process.execPath}" "${script}"; exit $?`], {
        env: { ...process.env, npm_lifecycle_event: 'start' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      shell.stdout.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (output === 'up\n') shell.kill('SIGTERM');
      });
      // The pipe closes only when the script, too, has ended.
      await once(shell, 'close');
      expect(output).toBe('up\nstopped\n');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);
