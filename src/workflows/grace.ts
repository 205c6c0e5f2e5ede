import type { Context } from './context.ts';

/** After the first signal, what is under way gets so long to end by itself. */
const GRACE_MS = 10_000;

/**
 * A signal for calls that should be finished rather than dropped when the user stops the command: aborted by the
 * second signal, or some seconds after the first. Call `end` when no such call is left.
 */
export function withGrace(context: Context): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const ended = new AbortController();
  const dropAll = () => controller.abort(context.abort.reason);
  const dropLater = () => {
    context.clock.sleep(GRACE_MS, ended.signal).then(
      () => controller.abort(context.stop.reason),
      () => undefined, // everything ended in time
    );
  };
  if (context.abort.aborted) {
    dropAll();
  }
  if (context.stop.aborted) {
    dropLater();
  }
  context.abort.addEventListener('abort', dropAll);
  context.stop.addEventListener('abort', dropLater);
  return {
    signal: controller.signal,
    end() {
      ended.abort();
      context.abort.removeEventListener('abort', dropAll);
      context.stop.removeEventListener('abort', dropLater);
    },
  };
}
