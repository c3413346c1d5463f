/** Cuts a stream of bytes into lines and the lines into values. A line longer than `lineMax` ends the stream. */

export const lineMax = 32 * 1024 * 1024;

export class LineCutter {
  private readonly decoder = new TextDecoder();
  private rest: string[] = [];
  private restLength = 0;

  /** The lines that end in this chunk; what follows the last end waits for the next one. */
  push(chunk: Uint8Array): string[] {
    const text = this.decoder.decode(chunk, { stream: true });
    const lines: string[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = this.rest.length === 0 ? text.slice(from, end) : this.rest.join('') + text.slice(from, end);
      this.rest = [];
      this.restLength = 0;
      if (line.trim() !== '') lines.push(line);
      from = end + 1;
    }
    if (from < text.length) {
      this.rest.push(text.slice(from));
      this.restLength += text.length - from;
      if (this.restLength > lineMax) throw new Error('a line of the stream is too long');
    }
    return lines;
  }
}

/** Waits longer after each failure, up to `most`, with chance in it so that many tabs do not knock together. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly first = 500,
    private readonly most = 15_000,
    private readonly chance: () => number = Math.random,
  ) {}

  next(): number {
    const wait = Math.min(this.most, this.first * 2 ** this.failures);
    if (wait < this.most) ++this.failures;
    return wait * (0.7 + 0.3 * this.chance());
  }

  reset(): void {
    this.failures = 0;
  }
}
