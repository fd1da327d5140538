import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

const steps = {
  generate: {
    label: 'Generating the database client',
    inputs: ['prisma/schema.prisma', 'prisma/prisma.config.ts', 'prisma/generate.mjs'],
    tool: 'prisma',
    output: 'src/store/generated/client.ts',
    command: () => [join(root, 'prisma/generate.mjs')],
  },
  compile: {
    label: 'Building',
    inputs: ['src', 'tsconfig.json', 'tsconfig.build.json'],
    tool: 'typescript',
    output: 'dist/cli/main.js',
    command: () => {
      // tsc trusts its memory of what it wrote, and would not write again what was deleted.
      if (!existsSync(join(root, 'dist/cli/main.js'))) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
      return [require.resolve('typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')];
    },
  },
};

/**
 * Generates the Prisma client, then compiles src to dist. A step whose inputs are what they were is skipped. Needs nothing that is built.
 *
 * @param {(label: string, work: () => Promise<void>) => Promise<void>} progress
 * @param {('generate' | 'compile')[]} names
 */
export async function build(progress, names = ['generate', 'compile']) {
  requireNode();
  for (const name of names) await runStep(name, progress);
}

/** Says what is wrong in one line, as far as it is known. */
export function reportBuildError(error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}

async function runStep(name, progress) {
  const { label, inputs, tool, output, command } = steps[name];
  const version = versionOf(tool);
  const isBuilt = existsSync(join(root, output));
  if (version === undefined) {
    if (isBuilt) return;
    throw new Error(`${tool} is not installed: run "npm ci" first (with the development dependencies)`);
  }
  const stamp = join(root, `dist/.${name}.stamp`);
  const fingerprint = fingerprintOf(inputs, version);
  if (isBuilt && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return;
  // A step that fails may leave some of its output: what is there then is of no known input.
  rmSync(stamp, { force: true });
  await progress(label, () => run(label, command()));
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, fingerprint);
}

function run(label, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (status) => {
      if (status === 0) return resolve();
      reject(new Error(`${label} failed:\n${output.trim()}`));
    });
  });
}

function fingerprintOf(inputs, version) {
  const hash = createHash('sha256').update(version);
  for (const file of inputs.flatMap((input) => filesOf(input)).sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function filesOf(input) {
  if (input !== 'src') return [input];
  return readdirSync(join(root, input), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length));
}

function versionOf(tool) {
  try {
    return JSON.parse(readFileSync(join(root, 'node_modules', tool, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`Sluice needs Node.js 20.19 or newer; this is ${process.version}`);
}
