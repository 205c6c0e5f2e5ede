import type { KillScene } from './scene.ts';

/** Something that happens in a round. */
export interface Fault {
  readonly name: string;
  /** Only where the application takes some. */
  readonly needsSnapshots?: true;
  /** Starts again what it ends. */
  readonly strike: (scene: KillScene) => Promise<void>;
}

export async function killPusher(scene: KillScene): Promise<void> {
  await scene.pusher.end('SIGKILL');
  scene.startPusher();
}
