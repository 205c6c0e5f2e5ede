import { type Offset, showOffset } from '../../kernel/offset.ts';

/** `0 (0x0) to 12345 (0x3039)`, several with commas; `nothing` when there is none. */
export function rangesText(ranges: readonly { readonly from: Offset; readonly to: Offset }[]): string {
  return ranges.length === 0
    ? 'nothing'
    : ranges.map(({ from, to }) => `${showOffset(from)} to ${showOffset(to)}`).join(', ');
}

/** Names and values in two columns. */
export function alignedLines(rows: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** Without control characters: a path may hold any, and a terminal would obey them. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** `1 batch`, `2 batches`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
