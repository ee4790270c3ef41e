/**
 * Workspaces that are being read one by one. What was read may be older than what events have said
 * since: only the answer to the last question counts, and none about a workspace that is removed.
 */
export class Reads {
  private readonly latest = new Map<string, number>();
  private count = 0;

  /** Begins to read; later reads of the same workspaces supersede this one. */
  begin(ids: readonly string[]): number {
    this.count += 1;
    for (const id of ids) this.latest.set(id, this.count);
    return this.count;
  }

  /** What was asked about this workspace no longer counts. */
  void(id: string): void {
    this.latest.delete(id);
  }

  /** Nothing that was asked counts any more. */
  voidAll(): void {
    this.latest.clear();
  }

  /** Ends a read; returns what of it still counts. */
  end<T extends { id: string }>(read: number, ids: readonly string[], found: readonly T[]): T[] {
    const current = found.filter(({ id }) => this.latest.get(id) === read);
    for (const id of ids) if (this.latest.get(id) === read) this.latest.delete(id);
    return current;
  }
}
