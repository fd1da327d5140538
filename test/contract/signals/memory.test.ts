import { createMemorySignals } from '../../../src/bus/memory/signals.ts';
import { describeSignals } from './suite.ts';

describeSignals('memory', () => createMemorySignals());
