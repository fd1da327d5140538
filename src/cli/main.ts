import { runCommand } from './program.ts';
import { createProcessTerminal } from './terminal.ts';

const lingerMilliseconds = 2_000;

using terminal = createProcessTerminal();
process.exitCode = await runCommand(process.argv.slice(2), terminal);
// Whatever is still open then (a keep-alive socket, a pipe) does not keep the shell waiting.
setTimeout(() => process.exit(), lingerMilliseconds).unref();
