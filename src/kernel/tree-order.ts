const SLASH = 0x2f;

/**
 * The order in which a walk through a directory tree meets its entries: as if `/` were the smallest character, so that
 * a directory comes before what is in it, and all that before the directory's next neighbour. The root, `.`, is first.
 * Negative: `left` comes before `right`; 0: they are the same.
 */
export function compareInTree(left: string, right: string): number {
  if (left === right) {
    return 0;
  }
  if (left === '.' || right === '.') {
    return left === '.' ? -1 : 1;
  }
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index += 1) {
    const [ours, theirs] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (ours !== theirs) {
      return rank(ours) - rank(theirs);
    }
  }
  return left.length - right.length;
}

function rank(character: number): number {
  return character === SLASH ? -1 : character;
}
