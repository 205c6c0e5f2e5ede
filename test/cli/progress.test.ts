import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { createStatusLine } from '../../src/cli/render/create.ts';
import { JsonRenderer } from '../../src/cli/render/json.ts';
import { loadPaint, wantsColor } from '../../src/cli/render/paint.ts';
import { durableText, ProgressText } from '../../src/cli/render/progress-text.ts';
import { MinuteLine, NO_STATUS_LINE, SpinnerLine } from '../../src/cli/render/status-line.ts';
import { MIB } from '../../src/kernel/size.ts';
import { CapturedStream, CliWorld, worldWithArchive } from '../support/cli-world.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const ANSI = '\u001b[';

describe('progress text', () => {
  const report = { type: 'progress', phase: 'restoring', totalBytes: 100 * MIB } as const;

  it('gives the rate and the time left once there is something to go by', async () => {
    const clock = new SimulatedClock();
    const text = new ProgressText(clock);
    expect(text.of({ ...report, doneBytes: 0 })).toBe('restoring 0 B of 100 MiB (0%)');
    await clock.advance(2_000);
    expect(text.of({ ...report, doneBytes: 20 * MIB })).toBe(
      'restoring 20.0 MiB of 100 MiB (20%), 10.0 MiB/s, 8.0s left',
    );
  });

  it('starts again with each phase', async () => {
    const clock = new SimulatedClock();
    const text = new ProgressText(clock);
    text.of({ ...report, doneBytes: 0 });
    await clock.advance(1_000);
    text.of({ ...report, doneBytes: 50 * MIB });
    expect(text.of({ type: 'progress', phase: 'checking', doneBytes: MIB, totalBytes: undefined })).toBe(
      'checking 1.00 MiB',
    );
  });

  it('says nothing of a total that is not known', async () => {
    const clock = new SimulatedClock();
    const text = new ProgressText(clock);
    text.of({ ...report, doneBytes: 0, totalBytes: undefined });
    await clock.advance(1_000);
    expect(text.of({ ...report, doneBytes: MIB, totalBytes: undefined })).toBe(
      'restoring 1.00 MiB, 1.00 MiB/s',
    );
  });

  it('tells the durable offset and the lag', () => {
    const durable = { type: 'durable', durable: 12_345 } as const;
    expect(durableText({ ...durable, lagBytes: 0, lagMs: 0 })).toBe('durable at 12345 (0x3039), no lag');
    expect(durableText({ ...durable, lagBytes: 2_048, lagMs: 1_500 })).toBe(
      'durable at 12345 (0x3039), lag 2.00 KiB, 1.5s',
    );
  });
});

describe('without a terminal', () => {
  it('a status line is a line a minute, the newest, and the last one comes too', async () => {
    const clock = new SimulatedClock();
    const stream = new CapturedStream();
    const line = new MinuteLine(new Output(stream, 'stderr', () => undefined), clock);
    for (let second = 0; second < 150; second += 1) {
      line.update(`at ${second}`);
      await clock.advance(1_000);
    }
    expect(stream.lines).toEqual(['at 59', 'at 119']);
    await clock.advance(3_600_000);
    expect(stream.lines).toEqual(['at 59', 'at 119', 'at 149']);
  });

  it('nothing comes after its end', async () => {
    const clock = new SimulatedClock();
    const stream = new CapturedStream();
    const line = new MinuteLine(new Output(stream, 'stderr', () => undefined), clock);
    line.update('before');
    line.end();
    line.update('after');
    await clock.advance(120_000);
    expect(stream.text).toBe('');
    expect(clock.sleeping).toBe(0);
  });

  it('a short command says nothing but its result', async () => {
    const world = await worldWithArchive();
    await world.run('status');
    expect(world.stderr.text).toBe('');
  });
});

describe('on a terminal', () => {
  it('the status line is redrawn by a spinner and leaves no trace', async () => {
    const stream = new CapturedTerminal();
    const line = new SpinnerLine(new Output(stream, 'stderr', () => undefined), false);
    line.update('pushing 1');
    await stream.seen('pushing 1');
    line.update('pushing 2');
    await stream.seen('pushing 2');
    line.end();
    line.update('pushing 3');
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.text).not.toContain('pushing 3');
    expect(stream.calls.at(-1)).toBe('clearLine');
    expect(stream.text).not.toContain('\u001b[?25l');
  });

  it('one that ends before the spinner is loaded never shows', async () => {
    const stream = new CapturedTerminal();
    const line = new SpinnerLine(new Output(stream, 'stderr', () => undefined), false);
    line.update('pushing');
    line.end();
    await import('ora');
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.text).toBe('');
  });
});

describe('the status line', () => {
  it.each([
    ['a terminal', { isTTY: true, columns: 80 }, 'xterm', SpinnerLine],
    ['a dumb terminal', { isTTY: true, columns: 80 }, 'dumb', MinuteLine],
    ['a terminal of no width, where ora would never end', { isTTY: true, columns: 0 }, 'xterm', MinuteLine],
    ['a pipe', {}, 'xterm', MinuteLine],
  ])('of %s', (_what, properties, TERM, kind) => {
    const world = new CliWorld();
    world.environment['TERM'] = TERM;
    const stream = Object.assign(new CapturedStream(), properties);
    const output = new Output(stream, 'stderr', () => undefined);
    expect(createStatusLine(output, false, false, world.io())).toBeInstanceOf(kind);
    expect(createStatusLine(output, false, true, world.io())).toBe(NO_STATUS_LINE);
  });
});

describe('JSON', () => {
  it('has ten lines of progress a second at most, and every move of the durable offset', async () => {
    const clock = new SimulatedClock();
    const stream = new CapturedStream();
    const output = new Output(stream, 'stdout', () => undefined);
    const renderer = new JsonRenderer({ output, clock, quiet: false });
    for (let step = 0; step < 100; step += 1) {
      renderer.report({ type: 'progress', phase: 'pushing', doneBytes: step, totalBytes: undefined });
      renderer.report({ type: 'durable', durable: step, lagBytes: 0, lagMs: 0 });
      await clock.advance(10);
    }
    const types = stream.json.map(({ type }) => type);
    expect(types.filter((type) => type === 'durable')).toHaveLength(100);
    expect(types.filter((type) => type === 'progress').length).toBeLessThanOrEqual(10);
    expect(types.filter((type) => type === 'progress').length).toBeGreaterThan(7);
  });

  it('holds one durable line back for a reader who is slow: the newest', async () => {
    const clock = new SimulatedClock();
    const stream = new CapturedStream();
    const output = new Output(stream, 'stdout', () => undefined);
    const renderer = new JsonRenderer({ output, clock, quiet: false });
    stream.stall();
    for (let durable = 1; durable <= 10_000; durable += 1) {
      renderer.report({ type: 'durable', durable, lagBytes: 0, lagMs: 0 });
    }
    expect(stream.writableLength).toBeLessThan(100_000);
    stream.resume();
    await output.room();
    await output.flush();
    expect(stream.json.at(-1)).toMatchObject({ durable: 10_000 });
    expect(stream.json.length).toBeLessThan(1_000);
    const outcome = { fields: {}, lines: [] };
    await renderer.finish({ command: 'push', outcome, exitCode: 0 });
    await renderer.finish({ command: 'push', outcome, exitCode: 0 });
    renderer.report({ type: 'note', code: 'late', message: 'late' });
    await output.flush();
    expect(stream.json.filter(({ type }) => type === 'result')).toHaveLength(1);
    expect(stream.json.at(-1)).toMatchObject({ type: 'result' });
  });
});

describe('quiet and verbose', () => {
  it('--quiet leaves results, warnings and errors', async () => {
    const world = await worldWithArchive();
    await world.run('restore', '--to', '/out', '--at', '12', '--quiet');
    expect(world.stdout.text).not.toBe('');
    expect(world.stderr.text).toBe('');
    await world.run('restore', '--to', '/out2', '--at', '12', '--quiet', '--json');
    expect(world.stdout.json).toMatchObject([{ type: 'result' }]);
  });

  it('--verbose tells the calls to the store', async () => {
    const world = await worldWithArchive();
    await world.run('status', '--verbose');
    expect(world.stderr.lines.at(-1)).toMatch(
      /^note: calls to the store: get \d+ \(.*\), head 1, list \d+, lifecycle 1$/,
    );
  });
});

describe('colour', () => {
  const terminal = { isTerminal: true, noColor: false, environment: { TERM: 'xterm' } };

  it('is for terminals whose user did not say no', () => {
    expect(wantsColor(terminal)).toBe(true);
    expect(wantsColor({ ...terminal, isTerminal: false })).toBe(false);
    expect(wantsColor({ ...terminal, noColor: true })).toBe(false);
    expect(wantsColor({ ...terminal, environment: { NO_COLOR: '1' } })).toBe(false);
    expect(wantsColor({ ...terminal, environment: { NO_COLOR: '' } })).toBe(true);
    expect(wantsColor({ ...terminal, environment: { TERM: 'dumb' } })).toBe(false);
  });

  it('paints the words before messages, whatever chalk thinks of the terminal', async () => {
    expect((await loadPaint(true)).error('error:')).toContain(ANSI);
    expect((await loadPaint(false)).error('error:')).toBe('error:');
  });

  it.each([
    ['a terminal', [], true],
    ['--no-color', ['--no-color'], false],
  ] as const)('of an error on %s', async (_what, argv, painted) => {
    const world = new CliWorld();
    world.stderr.isTTY = true;
    await world.start('status', ...argv);
    expect(world.stderr.text).toContain('there is no archive');
    expect(world.stderr.text.includes(ANSI)).toBe(painted);
  });
});

/** A terminal, as far as a spinner wants one. */
class CapturedTerminal extends CapturedStream {
  override isTTY = true;
  readonly columns = 80;
  readonly calls: string[] = [];
  #awaited: { text: string; resolve: () => void } | undefined;

  cursorTo(): void {
    this.calls.push('cursorTo');
  }

  moveCursor(): void {
    this.calls.push('moveCursor');
  }

  clearLine(): void {
    this.calls.push('clearLine');
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#awaited !== undefined && chunk.includes(this.#awaited.text)) {
      this.#awaited.resolve();
    }
    super._write(chunk, encoding, done);
  }

  /** Resolves when this text is written. */
  seen(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { text, resolve };
    });
  }
}
