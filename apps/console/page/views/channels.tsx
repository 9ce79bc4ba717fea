import { useState } from 'preact/hooks';
import { type ChannelState, listChannels } from '../api/events-api.js';
import { count, formatNumber, formatRate } from '../format.js';
import { ChannelsOfToken } from '../parts/channels-of-token.js';
import { Problem } from '../parts/problem.js';
import { Ago } from '../parts/times.js';
import { VirtualList } from '../parts/virtual-list.js';
import { channelHref, go } from '../state/route.js';
import { rights } from '../state/session.js';
import { channelRates, channels, channelsError, MOST_CHANNELS } from '../state/survey.js';
import { useIsNarrow } from '../state/use-media.js';
import { usePolled } from '../state/use-polled.js';

type Order = 'name' | 'newest' | 'rate';

/** The channels: every one, or those that a token names. */
export function Channels() {
  if (rights.value.may('observe')) return <AllChannels />;
  return (
    <div class="page">
      <h1 tabIndex={-1}>Channels</h1>
      <ChannelsOfToken />
    </div>
  );
}

/** Every channel, found by typing. */
function AllChannels() {
  const [text, setText] = useState('');
  const [order, setOrder] = useState<Order>('newest');
  const isNarrow = useIsNarrow();
  const all = channels.value ?? [];
  // There may be more than are known: what begins with the text is asked for.
  const isCut = all.length >= MOST_CHANNELS && text !== '';
  const asked = usePolled(
    async (signal) => (isCut ? listChannels({ prefix: text, limit: 200 }, signal) : []),
    30_000,
    [isCut, text],
  );
  const known = matching(all, text);
  const names = new Set(known.map(({ channel }) => channel));
  const found = [...known, ...(asked.data ?? []).filter(({ channel }) => !names.has(channel))];
  const sorted = inOrder(found, order);
  return (
    <div class="page fill">
      <div class="title-row">
        <h1 tabIndex={-1}>Channels</h1>
        <span class="muted" role="status">
          {channels.value === undefined ? '' : count(found.length, 'channel')}
        </span>
      </div>
      <search>
        <form
          class="toolbar"
          onSubmit={(event) => {
            event.preventDefault();
            const first = sorted[0];
            if (first !== undefined) go(channelHref(first.channel));
          }}
        >
          <input
            type="search"
            class="grow"
            placeholder="Find a channel"
            aria-label="Find a channel"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <label class="inline">
            Sort by{' '}
            <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
              <option value="newest">last event</option>
              <option value="name">name</option>
              <option value="rate">events/s</option>
            </select>
          </label>
        </form>
      </search>
      <Problem error={channelsError.value ?? asked.error} />
      {channels.value !== undefined && found.length === 0 && (
        <p class="muted empty">
          {text === ''
            ? 'There is no channel yet: the first event that is published makes one.'
            : `No channel has “${text}” in its name.`}
        </p>
      )}
      {sorted.length > 0 && (
        <section class="panel flush fill" aria-label="Channels">
          <div class="row head channel-row" aria-hidden="true">
            <span>Channel</span>
            <span class="number">Events/s</span>
            <span class="number wide-only">Kept</span>
            <span class="number wide-only">Newest id</span>
            <span class="number">Last event</span>
          </div>
          <VirtualList
            items={sorted}
            rowHeight={isNarrow ? 44 : 34}
            staysAtStart
            keyOf={({ channel }) => channel}
            attributes={{ role: 'list' }}
            renderRow={(each, _index, top) => <ChannelRow key={each.channel} {...each} top={top} />}
          />
        </section>
      )}
    </div>
  );
}

function ChannelRow({
  channel,
  firstId,
  lastId,
  lastTimestamp,
  top,
}: ChannelState & { readonly top: number }) {
  const kept =
    firstId === undefined || lastId === undefined ? undefined : firstId === 0 ? 0 : lastId - firstId + 1;
  return (
    // biome-ignore lint/a11y/useSemanticElements: its list is an element with other things to do
    <div role="listitem" class="row channel-row" style={{ transform: `translateY(${top}px)` }}>
      <a class="cut" href={channelHref(channel)} title={channel}>
        {channel}
      </a>
      <span class="number">{formatRate(channelRates.value.get(channel) ?? 0)}</span>
      <span class="number wide-only">{kept === undefined ? '–' : formatNumber(kept)}</span>
      <span class="number wide-only">{lastId === undefined ? '–' : formatNumber(lastId)}</span>
      <span class="number muted">
        <Ago at={lastTimestamp} />
      </span>
    </div>
  );
}

function matching(all: readonly ChannelState[], text: string): readonly ChannelState[] {
  const wanted = text.trim().toLowerCase();
  return wanted === '' ? all : all.filter(({ channel }) => channel.toLowerCase().includes(wanted));
}

function inOrder(found: readonly ChannelState[], order: Order): readonly ChannelState[] {
  if (order === 'name') return found;
  if (order === 'newest') return found.toSorted((a, b) => (b.lastTimestamp ?? 0) - (a.lastTimestamp ?? 0));
  const rateOf = ({ channel }: ChannelState) => channelRates.value.get(channel) ?? 0;
  return found.toSorted((a, b) => rateOf(b) - rateOf(a));
}
