/** Who may import whom: the layers of src, checked by test/architecture.test.ts. */
const packages = (pattern) => `node_modules/(${pattern})(/|$)`;

/** A folder of src and what of src it may import besides itself; everything else is forbidden. */
const layer = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, ...allowed] },
});

const foundation = ['^src/contracts/', '^src/lib/'];

/** A package and the only place that may import it. */
const home = (name, pattern, place) => ({
  name: `${name}-at-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: place },
  to: { path: packages(pattern) },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    layer('lib-imports-nothing', '^src/lib/', []),
    layer('contracts-import-lib', '^src/contracts/', ['^src/lib/']),
    layer('domain-imports-contracts', '^src/domain/', foundation),
    layer('inference-imports-contracts', '^src/inference/', foundation),
    layer('bus-imports-contracts', '^src/bus/', foundation),
    layer('store-imports-contracts', '^src/store/', foundation),
    layer('graphql-imports-domain', '^src/graphql/', ['^src/domain/', ...foundation]),
    layer('openai-imports-domain', '^src/openai/', ['^src/domain/', ...foundation]),
    layer('http-imports-faces', '^src/http/', ['^src/graphql/', '^src/openai/', '^src/domain/', ...foundation]),
    layer('cli-imports-roots', '^src/cli/', ['^src/(app|server|worker|config|logger)\\.ts$', ...foundation]),
    {
      name: 'domain-knows-no-transport-and-no-files',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        path: [
          '^(node:)?(http|https|net|fs|fs/promises|child_process)$',
          packages('graphql|graphql-yoga|graphql-ws|ws|@pothos'),
        ],
      },
    },
    home('node-llama-cpp', 'node-llama-cpp', '^src/inference/llama/'),
    home('prisma', '@prisma|pg|@electric-sql', '^src/store/'),
    home('pothos', '@pothos', '^src/graphql/'),
    home('hono', 'hono|@hono', '^src/(openai|http)/'),
    home('websocket', 'ws', '^src/(http|cli)/'),
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/', pathNot: 'generated' }, to: {} },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(generated|^dist|^test)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
