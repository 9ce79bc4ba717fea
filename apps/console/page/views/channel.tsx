import { useState } from 'preact/hooks';
import { type ChannelState, findChannel } from '../api/events-api.js';
import { formatNumber } from '../format.js';
import { Problem } from '../parts/problem.js';
import { Ago } from '../parts/times.js';
import { wholeOf } from '../state/channel-name.js';
import { channelHref } from '../state/route.js';
import { rights } from '../state/session.js';
import { usePolled } from '../state/use-polled.js';
import { ChannelConsumers } from './channel-consumers.js';
import { ChannelEvents } from './channel-events.js';
import { Group } from './group.js';
import { Manage } from './manage.js';
import { SendForm } from './send-form.js';

const EVERY_MS = 5_000;

/** One channel name: its events, who reads them, what can be taken away. */
export function Channel({ channel, parts }: { readonly channel: string; readonly parts: readonly string[] }) {
  const [area = 'events', name] = parts;
  const [isSending, setIsSending] = useState(false);
  const whole = wholeOf(channel);
  const state = usePolled((signal) => mayList(whole, signal), EVERY_MS, [whole]);
  const isWhole = whole === channel;
  const mayObserve = rights.value.may('observe', channel);
  const tabs = [
    { area: 'events', title: 'Events', isShown: true },
    { area: 'consumers', title: 'Consumers & groups', isShown: mayObserve },
    { area: 'manage', title: 'Manage', isShown: isWhole && rights.value.may('manage', channel) },
  ];
  const current = area === 'groups' ? 'consumers' : area;
  return (
    <div class={`page ${area === 'events' ? 'fill' : ''}`}>
      <div class="title-row">
        <h1 tabIndex={-1} class="cut" title={channel}>
          {channel}
        </h1>
        <Bounds state={state.data ?? undefined} />
        <span class="grow" />
        {rights.value.may('publish', channel) && (
          <button type="button" onClick={() => setIsSending(true)}>
            Send an event
          </button>
        )}
      </div>
      <nav class="tabs" aria-label={`Channel ${channel}`}>
        {tabs
          .filter(({ isShown }) => isShown)
          .map(({ area: tab, title }) => (
            <a
              key={tab}
              href={tab === 'events' ? channelHref(channel) : channelHref(channel, tab)}
              aria-current={tab === current ? 'page' : undefined}
            >
              {title}
            </a>
          ))}
      </nav>
      <Problem error={state.error} />
      {area === 'events' && <ChannelEvents channel={channel} />}
      {area === 'consumers' && <ChannelConsumers channel={channel} bounds={state.data ?? undefined} />}
      {area === 'groups' && name !== undefined && <Group key={name} channel={channel} group={name} />}
      {area === 'manage' && (
        <Manage channel={channel} bounds={state.data ?? undefined} reload={state.reload} />
      )}
      {isSending && <SendForm channel={channel} onClose={() => setIsSending(false)} />}
    </div>
  );
}

function Bounds({ state }: { readonly state: ChannelState | undefined }) {
  if (state === undefined) return null;
  const { firstId = 0, lastId = 0, lastTimestamp } = state;
  const kept = firstId === 0 ? 0 : lastId - firstId + 1;
  return (
    <span class="muted">
      {formatNumber(kept)} kept, newest {formatNumber(lastId)}, <Ago at={lastTimestamp} />
    </span>
  );
}

/** `null`: there is none, or a token may not list any. */
async function mayList(channel: string, signal: AbortSignal): Promise<ChannelState | null> {
  if (!rights.peek().may('observe')) return null;
  return (await findChannel(channel, signal)) ?? null;
}
