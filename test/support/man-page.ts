import { readFileSync } from 'node:fs';

/** A `.TP` paragraph: its tag (an option, a code) and its text. */
export interface ManEntry {
  readonly tag: string;
  readonly text: string;
}

/** A `.SH` or `.SS` section. */
export interface ManSection {
  readonly title: string;
  /** All of its plain text, subsections not among it. */
  readonly text: string;
  readonly entries: readonly ManEntry[];
  readonly sections: readonly ManSection[];
}

/** The sections of a page in `man/`, as plain text. */
export function readManPage(name: string): ManSection[] {
  const source = readFileSync(new URL(`../../man/${name}`, import.meta.url), 'utf8');
  return split(joinLines(source), /^\.SH (.*)$/).map(({ title, lines }) => {
    const [own = { title, lines: [] }, ...others] = splitOff(title, lines, /^\.SS (.*)$/);
    return { ...toSection(own), sections: others.map(toSection) };
  });
}

/** The examples of a subsection, in order, as they are shown: what stands between `.nf` and `.fi`. */
export function readManExamples(name: string, title: string): string[] {
  const source = readFileSync(new URL(`../../man/${name}`, import.meta.url), 'utf8');
  const section = split(source.split('\n'), /^\.S[HS] (.*)$/).find((candidate) => candidate.title === title);
  const examples = (section?.lines ?? []).join('\n').matchAll(/^\.nf\n\.RS\n(.*?)^\.RE\n\.fi$/gms);
  return [...examples].map(([, text = '']) =>
    text
      .replaceAll('\\-', '-')
      .replace(/\\\[u([0-9A-F]{4})\]/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16))),
  );
}

interface Raw {
  readonly title: string;
  readonly lines: readonly string[];
}

function joinLines(source: string): string[] {
  return source.replaceAll('\\\n', '').split('\n');
}

function split(lines: readonly string[], heading: RegExp): Raw[] {
  return splitOff('', lines, heading).slice(1);
}

/** What comes before the first heading, then each heading with what follows it. */
function splitOff(title: string, lines: readonly string[], heading: RegExp): Raw[] {
  const parts: { title: string; lines: string[] }[] = [{ title, lines: [] }];
  for (const line of lines) {
    const match = heading.exec(line);
    if (match === null) {
      parts.at(-1)?.lines.push(line);
    } else {
      parts.push({ title: plain(match[1] ?? ''), lines: [] });
    }
  }
  return parts;
}

function toSection({ title, lines }: Raw): ManSection {
  const entries: ManEntry[] = [];
  for (const { lines: entryLines } of split(lines, /^\.TP()$/)) {
    const end = entryLines.findIndex((line) => /^\.(?:PP|P|LP)$/.test(line));
    const own = end === -1 ? entryLines : entryLines.slice(0, end);
    entries.push({ tag: plain(own[0] ?? ''), text: textOf(own.slice(1)) });
  }
  return { title, text: textOf(lines), entries, sections: [] };
}

function textOf(lines: readonly string[]): string {
  return lines
    .filter((line) => !/^\.(?:PP|P|LP|TP|RS|RE|nf|fi)$/.test(line))
    .map(plain)
    .join(' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A line without macros, fonts and escapes. */
function plain(line: string): string {
  const macro = /^\.(BI|BR|RB|IR|B|I) (.*)$/.exec(line);
  const text = macro === null ? line : joinWords(macro[1] ?? '', macro[2] ?? '');
  return text
    .replace(/\\f[BIRP]/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\e', '\\')
    .trim();
}

/** The two-font macros join their words; the others keep the spaces. */
function joinWords(macro: string, rest: string): string {
  const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
  return words.join(macro.length === 1 ? ' ' : '');
}
