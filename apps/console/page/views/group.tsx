import { useState } from 'preact/hooks';
import { deleteGroup, type GroupState, listGroups } from '../api/events-api.js';
import { count, formatDuration, formatNumber } from '../format.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { LagLine } from '../parts/consumer-table.js';
import { Problem } from '../parts/problem.js';
import { Tile } from '../parts/tile.js';
import { Ago } from '../parts/times.js';
import { troublesOf } from '../state/attention.js';
import { deadLettersOf } from '../state/channel-name.js';
import { channelHref, go } from '../state/route.js';
import { rights } from '../state/session.js';
import { note } from '../state/survey.js';
import { usePolled } from '../state/use-polled.js';
import { DeadLetters } from './dead-letters.js';

const EVERY_MS = 2_000;

/** One group on a channel name: how it is, who works, what it could not do. */
export function Group({ channel, group }: { readonly channel: string; readonly group: string }) {
  const { data, error, reload } = usePolled(
    async (signal) => {
      const groups = await listGroups(channel, signal);
      const found = groups.find((each) => each.group === group && each.channel === channel);
      if (found !== undefined) note(found);
      return found ?? null;
    },
    EVERY_MS,
    [channel, group],
  );
  if (data === undefined)
    return error === undefined ? <p class="muted">Reading …</p> : <Problem error={error} />;
  if (data === null) return <p class="muted">There is no group “{group}” on this channel.</p>;
  const troubles = troublesOf(data);
  return (
    <>
      <Problem error={error} />
      <h2 class="group-name">
        Group <code>{group}</code>
        {troubles.length > 0 && <span class="warning-text">{troubles.join('; ')}</span>}
      </h2>
      <State state={data} />
      <DeadLetters state={data} onRedriven={reload} />
      <div class="columns">
        <Workers state={data} />
        <Settings state={data} />
      </div>
      {rights.value.may('manage', channel) && <DeleteGroup state={data} />}
    </>
  );
}

function State({ state }: { readonly state: GroupState }) {
  const { lag, pending, heldBack, redelivered, deadLetters, missed, isFull, oldestPendingMs, after } = state;
  const outHint =
    oldestPendingMs === undefined ? 'being worked on' : `the oldest for ${formatDuration(oldestPendingMs)}`;
  return (
    <dl class="tiles">
      <Tile label="Not handed out" hint={<LagLine state={state} />}>
        {formatNumber(lag)}
      </Tile>
      <Tile label="Out" hint={isFull ? 'as many as may be' : outHint} tone={isFull ? 'bad' : undefined}>
        {formatNumber(pending)}
      </Tile>
      <Tile label="Dead letters" hint="waiting to be redriven" tone={deadLetters > 0 ? 'warning' : undefined}>
        {formatNumber(deadLetters)}
      </Tile>
      <Tile label="Redelivered" hint="not the first delivery">
        {formatNumber(redelivered)}
      </Tile>
      <Tile label="Held back" hint="behind others">
        {formatNumber(heldBack)}
      </Tile>
      <Tile label="Missed" hint="dropped too early" tone={missed > 0 ? 'warning' : undefined}>
        {formatNumber(missed)}
      </Tile>
      <Tile label="Has come to" hint="id">
        {formatNumber(after)}
      </Tile>
    </dl>
  );
}

function Workers({ state }: { readonly state: GroupState }) {
  return (
    <section class="panel" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {state.workers.length === 0 ? (
        <p class="muted">No worker holds an event now.</p>
      ) : (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Worker</th>
              <th scope="col" class="number">
                Events it holds
              </th>
            </tr>
          </thead>
          <tbody>
            {state.workers.map(({ clientId, pending }) => (
              <tr key={clientId}>
                <th scope="row">{clientId}</th>
                <td class="number">{formatNumber(pending)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Settings({ state }: { readonly state: GroupState }) {
  const { leaseMs, maxDeliveries, backoffMs, maxPending, order } = state.settings;
  const deadLetters = deadLettersOf(state);
  return (
    <section class="panel" aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      <dl class="facts">
        <dt>A worker has</dt>
        <dd>{formatDuration(leaseMs ?? 0)} for an event</dd>
        <dt>Deliveries</dt>
        <dd>at most {formatNumber(maxDeliveries ?? 0)}</dd>
        <dt>Pauses</dt>
        <dd>{(backoffMs ?? []).map(formatDuration).join(', ')}</dd>
        <dt>Out at a time</dt>
        <dd>at most {formatNumber(maxPending ?? 0)}</dd>
        <dt>Order</dt>
        <dd>{order === undefined ? 'none' : order === '*' ? 'one event after the other' : `by ${order}`}</dd>
        <dt>Dead letters</dt>
        <dd>
          {deadLetters === 'none' ? 'only counted' : <a href={channelHref(deadLetters)}>{deadLetters}</a>}
        </dd>
        <dt>Created</dt>
        <dd>
          <Ago at={state.createdAt} />
        </dd>
      </dl>
    </section>
  );
}

function DeleteGroup({ state }: { readonly state: GroupState }) {
  const [isOpen, setIsOpen] = useState(false);
  const { channel, group, lag, pending } = state;
  return (
    <p class="end">
      <button type="button" class="quiet danger-text" onClick={() => setIsOpen(true)}>
        Delete this group …
      </button>
      {isOpen && (
        <ActionDialog
          title={`Delete the group ${group}`}
          action="Delete the group"
          isDangerous
          typed={group}
          run={async () => {
            await deleteGroup(channel, group);
            go(channelHref(channel, 'consumers'));
            return `The group ${group} is gone.`;
          }}
          onClose={() => setIsOpen(false)}
        >
          <p>
            With its place in the channel: {count(lag, 'event')} not handed out, {formatNumber(pending)} out.
            Events and dead letters stay in their channels, but cannot be redriven any more. Workers that go
            on begin a new group, with the first event that is kept.
          </p>
        </ActionDialog>
      )}
    </p>
  );
}
