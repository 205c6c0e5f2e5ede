/** A controller that is aborted by itself or, for the same reason, by the signal it was linked to, if any. */
interface LinkedController extends AbortController {
  /** Lets go of the signal. Until then it holds the controller; `AbortSignal.any` would be held by the program. */
  unlink(): void;
}

export function linkedController(signal: AbortSignal | undefined): LinkedController {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  if (signal?.aborted === true) {
    onAbort();
  }
  signal?.addEventListener('abort', onAbort);
  return Object.assign(controller, { unlink: () => signal?.removeEventListener('abort', onAbort) });
}
