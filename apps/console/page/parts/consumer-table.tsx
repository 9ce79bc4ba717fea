import type { ComponentChildren } from 'preact';
import type { ChannelState, ConsumerState } from '../api/events-api.js';
import { formatDuration, formatNumber } from '../format.js';
import { troubleOf } from '../state/attention.js';
import { channelHref } from '../state/route.js';
import { historyOf, keyOf } from '../state/survey.js';
import { Sparkline } from './sparkline.js';
import { Ago } from './times.js';

interface ConsumerTableProps {
  readonly label: string;
  readonly consumers: readonly ConsumerState[];
  /** Of the channel that a consumer reads; undefined if they are not known. */
  boundsOf(consumer: ConsumerState): ChannelState | undefined;
  /** What can be done with each. */
  actions?(consumer: ConsumerState): ComponentChildren;
}

/** Consumers with a cursor: where they are, how far behind, and how that has moved. */
export function ConsumerTable({ label, consumers, boundsOf, actions }: ConsumerTableProps) {
  return (
    <div class="scroll-x">
      <table class="table" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Consumer</th>
            <th scope="col">Channel</th>
            <th scope="col" class="number">
              Cursor
            </th>
            <th scope="col" class="number">
              Lag
            </th>
            <th scope="col" class="number">
              Oldest unread
            </th>
            <th scope="col">History</th>
            <th scope="col" class="number">
              Last moved
            </th>
            {actions && (
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {consumers.map((consumer) => (
            <tr key={keyOf(consumer)}>
              <th scope="row">
                {consumer.clientId}
                <Trouble text={troubleOf(consumer, boundsOf(consumer))?.text} />
              </th>
              <td>
                <a href={channelHref(consumer.channel, 'consumers')}>{consumer.channel}</a>
              </td>
              <td class="number">{formatNumber(consumer.after)}</td>
              <td class="number">{formatNumber(consumer.lag)}</td>
              <td class="number">{behindOf(consumer)}</td>
              <td>
                <LagLine state={consumer} />
              </td>
              <td class="number muted">
                <Ago at={consumer.savedAt} />
              </td>
              {actions && <td class="actions">{actions(consumer)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Trouble({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <small class="warning-text trouble">{text}</small>;
}

function behindOf({ lag, behindMs }: ConsumerState): string {
  if (lag === 0) return '0';
  return behindMs === undefined ? '–' : formatDuration(behindMs);
}

/** How the lag of a consumer or a group has moved since this page looks. */
export function LagLine({
  state,
}: {
  readonly state: Parameters<typeof keyOf>[0] & { readonly lag: number };
}) {
  const history = historyOf(keyOf(state));
  const [first] = history;
  const label =
    first === undefined
      ? `Lag ${state.lag}`
      : `Lag, from ${formatNumber(first.lag)} to ${formatNumber(state.lag)}`;
  return <Sparkline values={history.map(({ lag }) => lag)} label={label} />;
}
