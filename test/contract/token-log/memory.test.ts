import { createMemoryTokenLog } from '../../../src/bus/memory/token-log.ts';
import { describeTokenLogReaders } from './property.ts';
import { describeTokenLog } from './suite.ts';

const open = () => createMemoryTokenLog({ retention: { logSeconds: 900, logBytes: 268_435_456 } });

describeTokenLog('memory', open);
describeTokenLogReaders('memory', open, 300);
