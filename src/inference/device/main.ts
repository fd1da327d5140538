import { connectToParent } from '../child/parent-link.ts';
import { readDevice } from '../llama/read-device.ts';
import type { FromDeviceProbe, ToDeviceProbe } from '../protocol.ts';

/** A short-lived process that looks at the GPU, because looking takes some of its memory for as long as the process lives. */
const link = connectToParent<ToDeviceProbe, FromDeviceProbe>(() => {});
link.send({ type: 'device', device: await readDevice(link.log) });
