import { formatAgo, formatFullTime, formatTime } from '../format.js';
import { now } from '../state/now.js';

/** How long ago something was; the time itself when pointed at. */
export function Ago({ at }: { readonly at: number | undefined }) {
  if (at === undefined) return <span class="muted">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
      {formatAgo(at, now.value)}
    </time>
  );
}

/** The time of day, to the millisecond. */
export function Clock({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={formatFullTime(at)}>
      {formatTime(at)}
    </time>
  );
}
