import { build, reportBuildError } from './build-steps.mjs';
import { createProgress } from './progress.mjs';

/** `npm run build`; the arguments name the steps to take, where not all. */
const names = process.argv.slice(2);
await build(createProgress(), names.length > 0 ? names : undefined).catch(reportBuildError);
