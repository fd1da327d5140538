import { expect, test } from 'vitest';
import { createCircuit } from '../../../src/inference/circuit.ts';

function open() {
  let milliseconds = 1_000_000;
  const circuit = createCircuit({ restartSeconds: 0.25, crashes: 3, crashWindowSeconds: 60 }, () => milliseconds);
  return {
    circuit,
    pass(seconds: number) {
      milliseconds += seconds * 1000;
    },
  };
}

test('crashes are followed by a start, each later than the one before, until there are too many', () => {
  const { circuit } = open();
  expect(circuit.crashed()).toEqual({ type: 'restart', afterSeconds: 0.25 });
  expect(circuit.crashed()).toEqual({ type: 'restart', afterSeconds: 0.5 });
  expect(circuit.crashed()).toEqual({ type: 'open', crashes: 3 });
});

test('only the crashes of the window count', () => {
  const { circuit, pass } = open();
  for (let crash = 0; crash < 10; crash++) {
    expect(circuit.crashed().type).toBe('restart');
    pass(31);
  }
});

test('while crashes go on, each further start opens it again, and closing it forgets them', () => {
  const { circuit, pass } = open();
  circuit.crashed();
  circuit.crashed();
  expect(circuit.crashed().type).toBe('open');
  pass(30);
  expect(circuit.crashed().type).toBe('open');
  circuit.close();
  expect(circuit.crashed()).toEqual({ type: 'restart', afterSeconds: 0.25 });
});
