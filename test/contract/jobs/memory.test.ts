import { createMemoryJobs } from '../../../src/bus/memory/jobs.ts';
import { describeJobsInAnyOrder } from './property.ts';
import { describeJobs, type OpenJobs } from './suite.ts';

const open: OpenJobs = ({ limits, slots }) => createMemoryJobs({ limits, slots: () => slots });

describeJobs('memory', open);
describeJobsInAnyOrder('memory', open, 200);
