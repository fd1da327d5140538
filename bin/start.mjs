import { build, reportBuildError } from './build-steps.mjs';
import { createProgress } from './progress.mjs';

/** `npm start`: builds what is out of date, then serves in this process. */
try {
  await build(createProgress());
  process.argv.splice(2, 0, 'serve');
  await import('../dist/cli/main.js');
} catch (error) {
  reportBuildError(error);
}
