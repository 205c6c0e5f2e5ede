import { Option } from 'commander';
import { ERROR_KINDS, type ErrorCode, RigError } from '../../kernel/errors.ts';
import { showOffset } from '../../kernel/offset.ts';
import { showSize } from '../../kernel/size.ts';
import type { Finding, VerifyLevel, VerifyResult } from '../../workflows/verify.ts';
import { textParser } from '../options.ts';
import type { Outcome } from '../render/renderer.ts';
import { counted, rangesText } from '../render/text.ts';
import type { Session } from '../session.ts';
import type { CommandDefinition } from './definition.ts';

interface VerifyFlags {
  readonly level: VerifyLevel;
  readonly against?: string;
}

const LEVELS: readonly VerifyLevel[] = ['list', 'headers', 'data', 'replay'];

export const verifyCommand: CommandDefinition = {
  name: 'verify',
  summary: 'prove that the archive can be restored',
  description:
    'Checks the archive, each level beside what the one before it checks. list: names, writers, nothing ' +
    'obviously missing. headers: every header can be read, batches and their checksums link up, snapshots have ' +
    'what they are built on. data: every stored byte matches and decompresses. replay: every record decodes, and ' +
    'the newest snapshots and a restore to the end succeed, to nowhere.',
  examples: [
    'rigctl verify --archive s3://backups/app',
    'rigctl verify --level replay --against app.log --archive file:/backup/app',
  ],
  failures: ['not-found', 'denied', 'unavailable', 'data', 'local'],
  whenInterrupted: 'cleaning up',
  declare(command, start) {
    command
      .addOption(new Option('--level <level>', 'how much to check').choices(LEVELS).default('data', 'data'))
      .addOption(
        new Option('--against <journal>', 'compare the archive with this journal too').argParser(
          textParser('--against', 'give the path of the journal'),
        ),
      )
      .action((flags: VerifyFlags) => start((session) => runVerify(session, flags)));
  },
};

async function runVerify(session: Session, { level, against }: VerifyFlags): Promise<Outcome> {
  const { verify } = await import('../../workflows/verify.ts');
  const result = await verify(await session.openContext(), { level, against });
  for (const { code, message, ...details } of result.warnings) {
    session.renderer.report({ type: 'warning', code, message, details });
  }
  return { fields: { ...result }, lines: linesOf(result), error: errorOf(result.findings) };
}

function linesOf({ level, findings, checked, recoverable }: VerifyResult): string[] {
  const objects = `${counted(checked.batches, 'batch', 'batches')}, ${counted(checked.snapshots, 'snapshot')}`;
  const verdict =
    findings.length === 0
      ? 'the archive is good'
      : `the archive is not good: ${counted(findings.length, 'finding')}`;
  return [
    ...findings.map(findingLine),
    `${verdict}; checked ${objects}, ${showSize(checked.bytes)} at level ${level}`,
    `recoverable: ${rangesText(recoverable)}`,
  ];
}

function findingLine({ code, object, offset, message }: Finding): string {
  const place = [object ?? [], offset === null ? [] : `offset ${showOffset(offset)}`].flat();
  return `finding: ${[code, ...place].join(', ')}: ${message}`;
}

/** The first finding stands for all of them. */
function errorOf(findings: readonly Finding[]): RigError | undefined {
  const [first] = findings;
  if (first === undefined) {
    return undefined;
  }
  const { code, object, offset, message } = first;
  return new RigError(dataCodeOf(code), message, {
    hint: 'look at every finding, and restore what is recoverable to another place while it is there',
    details: { code, object, offset, findings: findings.length },
  });
}

/** Damage ends in the exit status for damage, whatever it was found by. */
function dataCodeOf(code: string): ErrorCode {
  return isErrorCode(code) && ERROR_KINDS[code] === 'data' ? code : 'RIG_CHECKSUM_MISMATCH';
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_KINDS, code);
}
