import { build, reportBuildError } from './build-steps.mjs';
import './production.mjs';
import { createProgress } from './progress.mjs';
import { stopWithNpm } from './stop-with-npm.mjs';

/** `npm start`: builds what is out of date, then serves in this process. */
try {
  stopWithNpm();
  await build(createProgress());
  process.argv.splice(2, 0, 'serve');
  await import('../dist/cli/main.js');
} catch (error) {
  reportBuildError(error);
}
