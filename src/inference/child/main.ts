import { tmpdir } from 'node:os';
import { messageOf } from '../../lib/message-of.ts';
import { openEngine } from '../llama/open-engine.ts';
import type { EngineSettings, FromEngine, ToEngine } from '../protocol.ts';
import { createReportOnce } from '../report-once.ts';
import { createDecodeLoop, type DecodeLoop } from './decode-loop.ts';
import { connectToParent } from './parent-link.ts';

/** The engine process: one model, its sequences, one decode loop. It is told to load once, and serves until its host ends it. */
let loop: DecodeLoop | undefined;
/** Rises as the loading comes further: what stays the same for too long hangs. */
let loadingSteps = 0;
let loading = false;

const link = connectToParent<ToEngine, FromEngine>(receive, () => (loading ? loadingSteps : loop?.step()));

function receive(message: Exclude<ToEngine, { type: 'ping' }>): void {
  switch (message.type) {
    case 'load':
      void load(message.settings);
      return;
    case 'generate':
      loop?.generate(message);
      return;
    case 'cancel':
      loop?.cancel(message.requestId);
      return;
    default:
      message satisfies never;
  }
}

const report = createReportOnce(link.log, 'warn');

function reportCopy(message: string): void {
  const consequence = 'what prompts share is evaluated again';
  report.wrong('copies', `${consequence}, as it cannot be copied through ${tmpdir()} (${message})`);
}

async function load(settings: EngineSettings): Promise<void> {
  loading = true;
  try {
    const moved = () => {
      loadingSteps += 1;
    };
    const { decoder, vocabulary, facts } = await openEngine(settings, link.log, { moved });
    loading = false;
    loop = createDecodeLoop(decoder, vocabulary, {
      started: (requestId, cachedPromptTokens) => link.send({ type: 'started', requestId, cachedPromptTokens }),
      piece: (piece, step) => link.send({ type: 'piece', step, ...piece }),
      failed: (requestId, message) => link.send({ type: 'request-failed', requestId, message }),
      copyFailed: reportCopy,
      broke: (message) => link.send({ type: 'broke', message }),
    });
    link.send({ type: 'loaded', facts });
  } catch (error) {
    link.send({ type: 'load-failed', message: messageOf(error) });
  }
}
