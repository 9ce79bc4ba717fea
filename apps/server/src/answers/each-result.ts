import type { ErrorBody, EventsError } from '@ganomede/events-protocol';
import type { FastifyError } from 'fastify';
import { errorBody } from './errors.js';

/** What is told of each of several calls, in their order, once all have ended: what `told` makes of it, or its error. */
export async function eachResult<Value, Result>(
  calls: readonly Promise<Value>[],
  told: (value: Value) => Result,
  takeError: (reason: FastifyError) => EventsError,
): Promise<(Result | { error: ErrorBody })[]> {
  const outcomes = await Promise.allSettled(calls);
  return outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? told(outcome.value) : { error: errorBody(takeError(outcome.reason)) },
  );
}
