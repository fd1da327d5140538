import { type Command, InvalidArgumentError } from 'commander';
import { generateSecret } from '../../lib/api-key-secret.ts';
import { connect } from '../connect.ts';
import * as documents from '../documents.ts';
import { Failure } from '../failure.ts';
import { type ApiKey, type CreatedApiKey, payloadOf, type RevokedApiKey, type UserError } from '../results.ts';
import { addSettings, administrationSettings, flagsOf } from '../settings.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface CreateOptions extends Readonly<Record<string, unknown>> {
  readonly name?: string;
  readonly scope: readonly string[];
  readonly model?: readonly string[];
  readonly expiresIn?: Date;
  readonly project?: string;
  readonly json?: true;
}

export function addKeysCommand(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('API keys: make, list and revoke them');
  const open = (options: Readonly<Record<string, unknown>>) =>
    connect(flagsOf(options, administrationSettings), terminal);

  addSettings(keys.command('create'), administrationSettings)
    .description('make an API key; its secret is printed on stdout, once')
    .argument('[name]', 'what the key is for')
    .option('--name <name>', 'the same')
    .option('--scope <scopes...>', 'COMPLETIONS, EMBEDDINGS, MODELS_READ, USAGE_READ or ADMIN', ['COMPLETIONS'])
    .option('--model <names...>', 'models that the key may use (default: all)')
    .option('--expires-in <time>', 'lifetime such as 90m, 12h or 30d (default: for ever)', parseExpiry)
    .option('--project <id>', 'project of the key (default: your own)')
    .option('--requests-per-minute <n>', 'limit', parseCount)
    .option('--tokens-per-minute <n>', 'limit', parseCount)
    .option('--concurrent-completions <n>', 'limit', parseCount)
    .option('--tokens-per-day <n>', 'limit', parseCount)
    .option('--tokens-per-month <n>', 'limit', parseCount)
    .option('--cost-per-month <amount>', 'limit, in the currency of the service')
    .option('--json', 'print the key and its secret as one JSON line')
    .action(async (argument: string | undefined, options: CreateOptions) => {
      const name = argument ?? options.name;
      if (!name) throw new Failure('the key needs a name: sluice keys create <name>');
      await using connection = await open(options);
      const { createApiKey } = await connection.execute<{ createApiKey: CreatedApiKey | UserError }>(
        documents.createApiKey,
        { input: createInput(name, options) },
      );
      const { apiKey, secret } = payloadOf(createApiKey);
      if (options.json) return terminal.out(`${JSON.stringify({ ...apiKey, secret })}\n`);
      terminal.note(`Made the API key "${apiKey.name}" (${apiKey.id}). Its secret is shown this once:`);
      terminal.out(`${secret}\n`);
    });

  addSettings(keys.command('list'), administrationSettings)
    .description('list the API keys')
    .option('--json', 'print a JSON array')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      await using connection = await open(options);
      const list: ApiKey[] = [];
      for (let after: string | null = null; ; ) {
        const { apiKeys }: ApiKeysPage = await connection.execute<ApiKeysPage>(documents.apiKeys, { after });
        list.push(...apiKeys.edges.map(({ node }) => node));
        if (!apiKeys.pageInfo.hasNextPage) break;
        after = apiKeys.pageInfo.endCursor;
      }
      terminal.out(options.json ? `${JSON.stringify(list)}\n` : formatTable(columns, list));
    });

  addSettings(keys.command('revoke'), administrationSettings)
    .description('revoke an API key, at once and for good')
    .argument('<id>', 'its id, from "sluice keys list"')
    .option('--json', 'print the key as one JSON line')
    .action(async (id: string, options: Readonly<Record<string, unknown>>) => {
      await using connection = await open(options);
      const { revokeApiKey } = await connection.execute<{ revokeApiKey: RevokedApiKey | UserError }>(
        documents.revokeApiKey,
        { input: { id } },
      );
      const { apiKey } = payloadOf(revokeApiKey);
      terminal.out(options.json ? `${JSON.stringify(apiKey)}\n` : `Revoked the API key "${apiKey.name}".\n`);
    });

  keys
    .command('generate')
    .description('print a well-formed secret for SLUICE_ADMIN_KEY; nothing is stored')
    .action(() => terminal.out(`${generateSecret()}\n`));
}

interface ApiKeysPage {
  readonly apiKeys: {
    readonly edges: readonly { readonly node: ApiKey }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
}

const limitNames = [
  'requestsPerMinute',
  'tokensPerMinute',
  'concurrentCompletions',
  'tokensPerDay',
  'tokensPerMonth',
  'costPerMonth',
] as const;

function createInput(name: string, options: CreateOptions) {
  const { scope, model, expiresIn, project } = options;
  const limits = Object.fromEntries(limitNames.flatMap((limit) => (options[limit] ? [[limit, options[limit]]] : [])));
  return {
    name,
    scopes: scope.flatMap((names) => names.split(',')).map((text) => text.trim().toUpperCase().replaceAll('-', '_')),
    ...(model && { models: model }),
    ...(expiresIn && { expiresAt: expiresIn.toISOString() }),
    ...(project && { projectId: project }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

function parseExpiry(text: string): Date {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/u.exec(text) ?? [];
  if (!amount || !unit) throw new InvalidArgumentError('write a number and s, m, h or d, such as 12h.');
  return new Date(Date.now() + Number(amount) * secondsOf[unit as keyof typeof secondsOf] * 1_000);
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('write a whole number from 1 on.');
  return count;
}

const day = (time: string | null) => time?.slice(0, 16).replace('T', ' ') ?? '';

const columns = [
  { title: 'NAME', value: ({ name }: ApiKey) => name },
  { title: 'ID', value: ({ id }: ApiKey) => id },
  { title: 'KEY', value: ({ hint }: ApiKey) => hint },
  { title: 'SCOPES', value: ({ scopes }: ApiKey) => scopes.join(',') },
  { title: 'STATE', value: stateOf },
  { title: 'EXPIRES', value: ({ expiresAt }: ApiKey) => day(expiresAt) },
  { title: 'LAST USED', value: ({ lastUsedAt }: ApiKey) => day(lastUsedAt) },
];

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt) return 'revoked';
  return expiresAt && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'active';
}
