/**
 * Decides which views in a message share memory on arrival. A view travels with its own bytes only, so that a
 * small one does not bring a large buffer with it; when a second view, or the buffer itself, turns out to be
 * in the same message, the encoder starts over with the spans computed here, and all of them arrive on one
 * buffer. Slices of Node's buffer pool have nothing to do with each other and share memory only where they
 * overlap, so that no bytes of other users of the pool are ever sent.
 */

/** A stretch of a buffer that travels as one buffer. Its identity stands for that buffer in back references. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface BufferUse {
  readonly views: { readonly start: number; readonly end: number; readonly align: number }[];
  /** The buffer itself is a value in the message. */
  whole: boolean;
  /** It may be Node's pool: of its size, or only Node buffers look at it and none covers it. */
  pooled: boolean;
}

/** Facts that one pass has learnt about the buffers of a message. */
export class BinarySharing {
  readonly #uses = new Map<ArrayBuffer, BufferUse>();
  #spans: Map<ArrayBuffer, Span[]> | undefined;
  /** Whether something was sent alone that should have been shared. */
  conflict = false;

  /** Records a view. @param use Byte range, element size, and whether it may be a slice of a pool. */
  noteView(buffer: ArrayBuffer, use: { start: number; end: number; align: number; pooled: boolean }): void {
    if (this.#spans !== undefined) return;
    const known = this.#uses.get(buffer);
    if (known === undefined) {
      this.#uses.set(buffer, { views: [use], whole: false, pooled: use.pooled });
      return;
    }
    known.pooled &&= use.pooled;
    if (
      !known.pooled ||
      known.whole ||
      known.views.some((view) => view.start < use.end && use.start < view.end)
    ) {
      this.conflict = true;
    }
    known.views.push(use);
  }

  /** Records the buffer itself. */
  noteBuffer(buffer: ArrayBuffer): void {
    if (this.#spans !== undefined) return;
    const known = this.#uses.get(buffer);
    if (known === undefined) {
      this.#uses.set(buffer, { views: [], whole: true, pooled: false });
      return;
    }
    known.whole = true;
    this.conflict = true;
  }

  /** Computes the spans of buffers used more than once, for the next pass. */
  settle(): void {
    this.conflict = false;
    this.#spans = new Map();
    for (const [buffer, use] of this.#uses) {
      const spans = spansOf(buffer, use);
      if (spans.length > 0) this.#spans.set(buffer, spans);
    }
  }

  /** The span a view belongs to, when it shares memory. */
  spanOf(buffer: ArrayBuffer, start: number, end: number): Span | undefined {
    return this.#spans?.get(buffer)?.find((span) => span.start <= start && end <= span.end);
  }
}

function spansOf(buffer: ArrayBuffer, { views, whole, pooled }: BufferUse): Span[] {
  if (whole) return [{ start: 0, end: buffer.byteLength }];
  if (views.length < 2) return [];
  const sorted = [...views].sort((one, other) => one.start - other.start);
  const spans: { start: number; end: number; align: number; count: number }[] = [];
  for (const view of sorted) {
    const last = spans.at(-1);
    if (last !== undefined && (!pooled || view.start < last.end)) {
      last.end = Math.max(last.end, view.end);
      last.align = Math.max(last.align, view.align);
      last.count++;
    } else {
      spans.push({ ...view, count: 1 });
    }
  }
  // A view must sit at a multiple of its element size in the new buffer as in the old one.
  return spans
    .filter((span) => span.count > 1)
    .map(({ start, end, align }) => ({ start: start - (start % align), end }));
}

/** Whether a view is probably of memory that Node hands out in pieces: others have the rest of it. */
export function isPooled(view: ArrayBufferView): boolean {
  const { byteLength } = view.buffer;
  return view.byteLength < byteLength && (Buffer.isBuffer(view) || byteLength === Buffer.poolSize);
}
