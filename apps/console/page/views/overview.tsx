import { count, formatDuration, formatNumber, formatRate } from '../format.js';
import { ChannelsOfToken } from '../parts/channels-of-token.js';
import { Problem } from '../parts/problem.js';
import { RateChart } from '../parts/rate-chart.js';
import { Tile } from '../parts/tile.js';
import { Ago } from '../parts/times.js';
import { concerns, isEarly } from '../state/attention.js';
import { figures, hasFigures, server, storeIsReady } from '../state/figures.js';
import { now } from '../state/now.js';
import { channelHref, href } from '../state/route.js';
import { rights } from '../state/session.js';
import { channelRates, channels, channelsError, readers } from '../state/survey.js';

/** The most that are shown of what needs attention. */
const MOST_CONCERNS = 50;

/** How it is now: what happens, what needs attention, where something happens. */
export function Overview() {
  const mayObserve = rights.value.may('observe');
  return (
    <div class="page">
      <h1 tabIndex={-1} class="visually-hidden">
        Overview
      </h1>
      <FigureTiles />
      <div class="columns">
        <section class="panel" aria-labelledby="traffic">
          <h2 id="traffic">Traffic</h2>
          {hasFigures.value ? (
            <RateChart />
          ) : (
            <p class="muted">
              This server tells its figures on a port of its own (<code>METRICS_PORT</code>).
            </p>
          )}
        </section>
        {mayObserve && <Attention />}
      </div>
      {mayObserve ? <NewestChannels /> : <ChannelsOfToken />}
    </div>
  );
}

function FigureTiles() {
  const last = figures.value.at(-1);
  const rate = (value: number | undefined) => (value === undefined ? '–' : formatRate(value));
  const total = channels.value?.length;
  const startedAt = server.value && Date.parse(server.value.startDate);
  return (
    <dl class="tiles">
      <Tile label="Published" hint="events/s">
        {rate(last?.published)}
      </Tile>
      <Tile label="Delivered" hint="events/s">
        {rate(last?.delivered)}
      </Tile>
      <Tile label="Waiting" hint="polls and streams">
        {last === undefined ? '–' : formatNumber(last.waiting)}
      </Tile>
      {rights.value.may('observe') && (
        <Tile label="Channels">{total === undefined ? '–' : formatNumber(total)}</Tile>
      )}
      <Tile label="Store" tone={storeIsReady.value ? undefined : 'bad'}>
        {storeIsReady.value ? 'Ready' : 'Away'}
      </Tile>
      <Tile
        label="Server"
        hint={
          startedAt !== undefined ? `up ${formatDuration(Math.max(now.value - startedAt, 1_000))}` : undefined
        }
      >
        {server.value?.version ?? '–'}
      </Tile>
    </dl>
  );
}

function Attention() {
  const found = concerns.value;
  const total = channels.value?.length ?? 0;
  const looked = readers.value.size;
  return (
    <section class="panel attention" aria-labelledby="attention">
      <h2 id="attention">Needs attention {found.length > 0 && <span class="badge">{found.length}</span>}</h2>
      {found.length === 0 ? (
        <p class="muted">{nothingText(looked, total)}</p>
      ) : (
        <ul class="concerns">
          {found.slice(0, MOST_CONCERNS).map(({ severity, subject, href: address, text }) => (
            <li key={subject} class={severity}>
              {address === undefined ? <strong>{subject}</strong> : <a href={address}>{subject}</a>} {text}
            </li>
          ))}
        </ul>
      )}
      {found.length > MOST_CONCERNS && (
        <p class="muted small">And {formatNumber(found.length - MOST_CONCERNS)} more.</p>
      )}
      {looked < total && (
        <p class="muted small">
          Looked at the readers of {formatNumber(looked)} of {count(total, 'channel')} so far.
        </p>
      )}
    </section>
  );
}

function nothingText(looked: number, total: number): string {
  if (looked === 0 && total > 0) return 'Looking …';
  return isEarly.value && total > 0
    ? 'Nothing so far. Whether a group stands still shows within half a minute.'
    : 'Nothing.';
}

function NewestChannels() {
  const all = channels.value ?? [];
  const newest = all.toSorted((a, b) => (b.lastTimestamp ?? 0) - (a.lastTimestamp ?? 0)).slice(0, 10);
  return (
    <section class="panel" aria-labelledby="newest">
      <h2 id="newest">Newest</h2>
      <Problem error={channelsError.value} />
      {channels.value !== undefined && all.length === 0 && (
        <p class="muted">There is no channel yet: the first event that is published makes one.</p>
      )}
      {newest.length > 0 && (
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col" class="number">
                Events/s
              </th>
              <th scope="col" class="number wide-only">
                Newest id
              </th>
              <th scope="col" class="number">
                Last event
              </th>
            </tr>
          </thead>
          <tbody>
            {newest.map(({ channel, lastId, lastTimestamp }) => (
              <tr key={channel}>
                <th scope="row">
                  <a href={channelHref(channel)}>{channel}</a>
                </th>
                <td class="number">{formatRate(channelRates.value.get(channel) ?? 0)}</td>
                <td class="number wide-only">{lastId === undefined ? '–' : formatNumber(lastId)}</td>
                <td class="number">
                  <Ago at={lastTimestamp} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {all.length > newest.length && (
        <p class="more">
          <a href={href(['channels'])}>All {count(all.length, 'channel')}</a>
        </p>
      )}
    </section>
  );
}
