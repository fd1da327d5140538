import { createProgress } from '../../../bin/progress.mjs';
import { runDemo } from '../../../src/cli/demo.ts';

/** bin/demo.mjs without the build: the sources run as they are. */
await runDemo(process.argv.slice(2), createProgress());
