import { build, reportBuildError } from './build-steps.mjs';
import './production.mjs';
import { createProgress } from './progress.mjs';
import { stopWithNpm } from './stop-with-npm.mjs';

/** `npm run demo`: builds what is out of date, then runs the demo in this process. */
try {
  stopWithNpm();
  const progress = createProgress();
  await build(progress);
  const { runDemo } = await import('../dist/cli/demo.js');
  await runDemo(process.argv.slice(2), progress);
} catch (error) {
  reportBuildError(error);
}
