import { isRigError, type RigError } from '../kernel/errors.ts';
import { type Finding, Findings } from './findings.ts';

/** What a run of verify has to say so far. */
export class VerifyReport {
  readonly findings = new Findings();
  readonly #warnings = new Findings();

  get warnings(): readonly Finding[] {
    return this.#warnings.list();
  }

  warn(code: string, object: string | null, message: string): void {
    this.#warnings.add({ code, object, offset: null, message });
  }

  warnOf(finding: Finding): void {
    this.#warnings.add(finding);
  }

  /** Something damaged that costs nothing. */
  warnOfDamage(code: string, error: RigError, object: string | null): void {
    this.#warnings.addError(error, object, code);
  }

  /** Damage, and a journal that differs, becomes a finding, and the result undefined. */
  async attempt<Result>(object: string | null, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isRigError(error) || !(error.kind === 'data' || error.code === 'RIG_DIVERGED')) {
        throw error;
      }
      this.findings.addError(error, object);
      return undefined;
    }
  }
}
