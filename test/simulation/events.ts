import type { Dice } from './dice.ts';

/** How often each kind of event is chosen. */
const EVENTS = {
  start: 8,
  write: 6,
  weather: 3,
  kill: 2,
  ambush: 3,
  powerLoss: 2,
  freeze: 3,
  jump: 2,
  leap: 1,
  stop: 1,
  copy: 3,
  rivals: 3,
  loss: 1,
  restore: 3,
  fullDisk: 1,
  sleepInAPut: 1,
  verify: 1,
} as const;

/** In a world with snapshots, these too. */
const SNAPSHOT_EVENTS = { ...EVENTS, sleepInAPut: 2, prune: 4, days: 3, zombie: 2, loseLatest: 1 } as const;

/** What happens next. */
export function drawEvent(dice: Dice, hasSnapshots: boolean): keyof typeof SNAPSHOT_EVENTS {
  return hasSnapshots ? dice.weighted(SNAPSHOT_EVENTS) : dice.weighted(EVENTS);
}
