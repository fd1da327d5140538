import { createMemoryJobs } from '../../../src/bus/memory/jobs.ts';
import { describeJobsBounds } from './bounds.ts';
import { describeJobsInAnyOrder } from './property.ts';
import { describeJobs, type OpenJobs } from './suite.ts';

const open: OpenJobs = ({ limits, slots }) => createMemoryJobs({ limits, slots: () => slots, ready: () => true });

describeJobs('memory', open);
describeJobsBounds('memory', open);
describeJobsInAnyOrder('memory', open, 200);
