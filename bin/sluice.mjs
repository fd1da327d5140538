#!/usr/bin/env node
import { existsSync } from 'node:fs';
import './production.mjs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write('error: Sluice is not built yet: run "npm run build" first\n');
  process.exitCode = 1;
}
