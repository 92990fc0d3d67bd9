// Rows in groups, without waiting for a group to be full when they come slowly.

/**
 * Groups of at most `size`; a group that has begun ends when nothing more comes for `pauseMs`, or when the source
 * fails. Leaving the loop closes the source.
 */
export async function* chunks<T>(
  source: AsyncIterable<T>,
  size: number,
  pauseMs: number,
): AsyncGenerator<T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let group: T[] = [];
  try {
    let next = iterator.next();
    for (;;) {
      let came: IteratorResult<T> | undefined;
      try {
        came = group.length === 0 ? await next : await orPause(next, pauseMs);
      } catch (error) {
        // What came before the failure is good.
        if (group.length > 0) yield group;
        throw error;
      }
      if (came === undefined) {
        yield group;
        group = [];
        continue;
      }
      if (came.done) break;
      group.push(came.value);
      if (group.length >= size) {
        yield group;
        group = [];
      }
      next = iterator.next();
    }
    if (group.length > 0) yield group;
  } finally {
    await iterator.return?.();
  }
}

async function orPause<T>(work: Promise<T>, pauseMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), pauseMs);
  });
  try {
    return await Promise.race([work, pause]);
  } finally {
    clearTimeout(timer);
  }
}
