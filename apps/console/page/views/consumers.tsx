import { count } from '../format.js';
import { ConsumerTable } from '../parts/consumer-table.js';
import { GroupTable } from '../parts/group-table.js';
import { Problem } from '../parts/problem.js';
import { troublesOf } from '../state/attention.js';
import { channels, channelsError, readers } from '../state/survey.js';

/** The most rows of a table; what is furthest behind comes first. */
const MOST = 200;

/** Who reads, in all channels: groups with trouble first, then who is furthest behind. */
export function Consumers() {
  const all = [...readers.value.values()];
  // Those on a type are told with their channel, and again with the name of the type.
  const groups = unique(all.flatMap((each) => each.groups)).sort(
    (a, b) => troublesOf(b).length - troublesOf(a).length || b.lag - a.lag,
  );
  const consumers = unique(all.flatMap((each) => each.consumers)).sort(
    (a, b) => (b.behindMs ?? 0) - (a.behindMs ?? 0) || b.lag - a.lag,
  );
  const isLooking = readers.value.size < (channels.value?.length ?? 0);
  return (
    <div class="page">
      <div class="title-row">
        <h1 tabIndex={-1}>Consumers and groups</h1>
        {isLooking && <span class="muted">still looking …</span>}
      </div>
      <Problem error={channelsError.value} />
      <section class="panel" aria-labelledby="groups">
        <h2 id="groups">Groups of workers</h2>
        {groups.length === 0 ? (
          <p class="muted">None.</p>
        ) : (
          <GroupTable label="Groups" groups={groups.slice(0, MOST)} />
        )}
        {groups.length > MOST && <p class="muted small">{count(groups.length - MOST, 'more group')}</p>}
      </section>
      <section class="panel" aria-labelledby="consumers">
        <h2 id="consumers">Consumers</h2>
        {consumers.length === 0 ? (
          <p class="muted">None: a consumer is here once it has acknowledged something.</p>
        ) : (
          <ConsumerTable
            label="Consumers"
            consumers={consumers.slice(0, MOST)}
            boundsOf={({ channel }) => readers.value.get(channel)?.channel}
          />
        )}
        {consumers.length > MOST && (
          <p class="muted small">{count(consumers.length - MOST, 'more consumer')}</p>
        )}
      </section>
    </div>
  );
}

function unique<T extends { channel: string; clientId?: string; group?: string }>(states: readonly T[]): T[] {
  const byKey = new Map(
    states.map((state) => [JSON.stringify([state.channel, state.clientId, state.group]), state]),
  );
  return [...byKey.values()];
}
