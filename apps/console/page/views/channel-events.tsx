import { useEffect, useMemo, useState } from 'preact/hooks';
import { listIndices, type Event as StoredEvent } from '../api/events-api.js';
import { messageOf } from '../api/request.js';
import { formatNumber } from '../format.js';
import { Problem } from '../parts/problem.js';
import { Clock } from '../parts/times.js';
import { VirtualList } from '../parts/virtual-list.js';
import { wholeOf } from '../state/channel-name.js';
import { comebacks } from '../state/connection.js';
import { preview } from '../state/event-text.js';
import { EventWindow } from '../state/event-window.js';
import { storeIsReady } from '../state/figures.js';
import { findMoment } from '../state/moment.js';
import { notify } from '../state/notices.js';
import { channelHref, go, href, route } from '../state/route.js';
import { rights } from '../state/session.js';
import { useIsNarrow } from '../state/use-media.js';
import { usePolled } from '../state/use-polled.js';
import { EventDetail } from './event-detail.js';

/** The events of a channel name, the newest first; live while the newest are in sight. */
export function ChannelEvents({ channel }: { readonly channel: string }) {
  const { query } = route.value;
  const index = query.get('index') ?? undefined;
  const value = query.get('value') ?? undefined;
  const aroundId = Number(query.get('id')) || undefined;
  const events = useMemo(
    () =>
      new EventWindow({
        channel,
        index: index !== undefined && value !== undefined ? { id: index, value } : undefined,
      }),
    [channel, index, value],
  );
  const [selected, setSelected] = useState<StoredEvent | undefined>(undefined);
  const [isAtStart, setIsAtStart] = useState(true);
  const [isStopped, setIsStopped] = useState(false);
  const isNarrow = useIsNarrow();

  const show = async (id: number | undefined) => {
    if (!(await events.open(id)) || id === undefined) return;
    const found = events.events.peek().find((event) => event.id === id);
    setSelected(found);
    if (found === undefined) notify(whyNotThere(id, events.bounds.peek(), channel), 'failed');
  };
  useEffect(() => {
    void show(aroundId);
    return () => events.close();
  }, [events, aroundId]);
  useEffect(() => events.retry(), [events, comebacks.value, storeIsReady.value]);

  const isPaused = isStopped || !isAtStart || selected !== undefined;
  useEffect(() => {
    if (isPaused) events.pause();
    else if (events.isPaused.peek()) events.resume();
  }, [events, isPaused]);

  const jump = (id: number) => {
    // Again to where somebody went before: the address does not change.
    if (id === aroundId) void show(id);
    else go(href(['channels', channel], { id: String(id) }));
  };
  const close = () => {
    setSelected(undefined);
    document.querySelector<HTMLElement>('.event-list [role=listbox]')?.focus({ preventScroll: true });
  };
  const toNewest = () => {
    setSelected(undefined);
    setIsStopped(false);
    document.querySelector('.event-list .virtual-list')?.scrollTo({ top: 0 });
    // Once the list is at its start it goes on by itself.
    if (aroundId !== undefined) go(channelHref(channel));
    else if (!events.isAtLast.peek()) void events.open();
  };
  const all = events.isLoading.value ? [] : events.events.value;
  const idWidth = `${Math.max(String(events.bounds.value.lastId).length, 4)}ch`;
  const isTyped = wholeOf(channel) !== channel;
  return (
    <>
      <Toolbar
        channel={channel}
        index={index}
        value={value}
        types={[...new Set(all.map(({ type }) => type))]}
        jump={jump}
      />
      <Problem error={events.error.value} />
      <div class={`split ${selected === undefined ? '' : 'with-detail'}`}>
        <section class="panel flush fill event-list" aria-label="Events" style={{ '--id-width': idWidth }}>
          <div class="list-state">
            <LiveState events={events} isPaused={isPaused} canBeLive={index === undefined} />
            <span class="grow" />
            {index === undefined && (
              <button
                type="button"
                class="quiet"
                aria-pressed={isStopped}
                onClick={() => setIsStopped(!isStopped)}
              >
                {isStopped ? 'Go on' : 'Pause'}
              </button>
            )}
            {isPaused && (events.waiting.value > 0 || !events.isAtLast.value || !isAtStart) && (
              <button type="button" class="primary small-button" onClick={toNewest}>
                {events.isAtLast.value && events.waiting.value > 0
                  ? `Show ${formatNumber(events.waiting.value)} new`
                  : 'To the newest'}
              </button>
            )}
          </div>
          {all.length === 0 && !events.isLoading.value && (
            <p class="muted empty">{events.error.value ? '' : emptyText(isTyped, index !== undefined)}</p>
          )}
          {all.length > 0 && (
            <Rows
              events={events}
              all={all}
              isNarrow={isNarrow}
              selected={selected}
              aroundId={nearestTo(aroundId, all)}
              select={setSelected}
              close={close}
              onAtStart={setIsAtStart}
            />
          )}
        </section>
        {selected !== undefined && (
          <EventDetail
            channel={channel}
            event={all.find(({ id }) => id === selected.id) ?? selected}
            onClose={close}
            onRedacted={(id) => events.redacted(id)}
          />
        )}
      </div>
    </>
  );
}

/** What is shown of where somebody went: that event, or else the one before it. */
function nearestTo(id: number | undefined, all: readonly StoredEvent[]): number | undefined {
  return id === undefined ? undefined : (all.find((event) => event.id <= id) ?? all.at(-1))?.id;
}

function whyNotThere(id: number, bounds: EventWindow['bounds']['value'], channel: string): string {
  const { firstId, lastId } = bounds;
  if (id > lastId) return `There is no event ${formatNumber(id)} yet: the newest is ${formatNumber(lastId)}.`;
  if (id < firstId)
    return `Event ${formatNumber(id)} is not kept any more: the oldest is ${formatNumber(firstId)}.`;
  return wholeOf(channel) === channel
    ? `Event ${formatNumber(id)} is not kept any more.`
    : `Event ${formatNumber(id)} is of another type.`;
}

function emptyText(isTyped: boolean, isIndex: boolean): string {
  if (isIndex) return 'No event has this value.';
  return isTyped
    ? 'No event of this type is kept.'
    : 'No event is kept. What is published shows up here at once.';
}

interface LiveStateProps {
  readonly events: EventWindow;
  readonly isPaused: boolean;
  readonly canBeLive: boolean;
}

function LiveState({ events, isPaused, canBeLive }: LiveStateProps) {
  if (events.isLoading.value) return <span class="muted">Reading …</span>;
  if (!canBeLive) return <span class="muted">By index, not live</span>;
  if (!events.isAtLast.value) return <span class="muted">Older events</span>;
  if (isPaused) {
    return (
      <span role="status">
        <span class="dot warning" /> Paused
        {events.waiting.value > 0 && <>, {formatNumber(events.waiting.value)} new</>}
      </span>
    );
  }
  return events.isLive.value ? (
    <span role="status">
      <span class="dot good" /> Live
    </span>
  ) : (
    <span class="muted" role="status">
      <span class="dot bad" /> Connecting …
    </span>
  );
}

interface RowsProps {
  readonly events: EventWindow;
  readonly all: readonly StoredEvent[];
  readonly isNarrow: boolean;
  readonly selected: StoredEvent | undefined;
  /** The event that somebody went to. */
  readonly aroundId: number | undefined;
  select(event: StoredEvent): void;
  close(): void;
  onAtStart(atStart: boolean): void;
}

function Rows({ events, all, isNarrow, selected, aroundId, select, close, onAtStart }: RowsProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    const at = selected === undefined ? -1 : all.findIndex(({ id }) => id === selected.id);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: Math.max(at - 1, 0),
      PageDown: Math.min(at + 15, all.length - 1),
      PageUp: Math.max(at - 15, 0),
      Home: 0,
      End: all.length - 1,
    };
    const next = all[steps[event.key] ?? -1];
    if (event.key === 'Escape') close();
    if (event.key === 'Enter') document.querySelector<HTMLElement>('.detail h2')?.focus();
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (next !== undefined) select(next);
  };
  return (
    <VirtualList
      items={all}
      rowHeight={isNarrow ? 52 : 30}
      keyOf={({ id }) => id}
      shownKey={selected?.id}
      centredKey={aroundId}
      staysAtStart={events.isAtLast.value}
      onNearEnd={events.loadOlder}
      onNearStart={events.loadNewer}
      onAtStart={onAtStart}
      attributes={{
        role: 'listbox',
        tabIndex: 0,
        'aria-label': 'Events, newest first',
        'aria-activedescendant': selected && `event-${selected.id}`,
        onKeyDown,
      }}
      renderRow={(each, i, top) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the keys
        // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus
        <div
          key={each.id}
          id={`event-${each.id}`}
          role="option"
          aria-selected={each.id === selected?.id}
          aria-posinset={i + 1}
          aria-setsize={events.isAtFirst.value ? all.length : -1}
          class={`row event-row ${each.redacted ? 'redacted' : ''}`}
          style={{ transform: `translateY(${top}px)` }}
          onClick={() => select(each)}
        >
          <span class="number id">{each.id}</span>
          <span class="time">
            <Clock at={each.timestamp} />
          </span>
          <span class="cut type">{each.type}</span>
          <span class="cut from muted">{each.from}</span>
          <span class="cut data mono">{each.redacted ? 'redacted' : preview(each.data)}</span>
        </div>
      )}
    />
  );
}

interface ToolbarProps {
  readonly channel: string;
  readonly index: string | undefined;
  readonly value: string | undefined;
  /** Those that were seen. */
  readonly types: readonly string[];
  jump(id: number): void;
}

/** Chooses what is shown: one type, the value of an index, around an id or a time. */
function Toolbar({ channel, index, value, types, jump }: ToolbarProps) {
  const whole = wholeOf(channel);
  const isTyped = whole !== channel;
  const [type, setType] = useState(isTyped ? channel.slice(whole.length + 1) : '');
  const [moment, setMoment] = useState('');
  const indices = usePolled(
    async (signal) =>
      rights.peek().may('observe')
        ? (await listIndices(signal)).filter((each) => each.channel === whole)
        : [],
    60_000,
    [whole],
  );
  const submitType = (event: Event) => {
    event.preventDefault();
    go(channelHref(type === '' ? whole : `${whole}:${type}`));
  };
  const submitJump = async (event: Event) => {
    event.preventDefault();
    try {
      jump(await idOf(channel, moment));
    } catch (error) {
      notify(messageOf(error), 'failed');
    }
  };
  return (
    <div class="toolbar">
      <form class="joined" onSubmit={submitType}>
        <input
          aria-label="Type"
          placeholder="Every type"
          list="types"
          autocomplete="off"
          value={type}
          onInput={(event) => setType(event.currentTarget.value)}
        />
        <datalist id="types">
          {types.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <button type="submit">Filter</button>
      </form>
      <form class="joined" onSubmit={submitJump}>
        <input
          aria-label="Id or time"
          placeholder="Id or time"
          title="An id, or a time such as 16:00 or 2026-11-28 16:00"
          autocomplete="off"
          value={moment}
          onInput={(event) => setMoment(event.currentTarget.value)}
        />
        <button type="submit" disabled={moment.trim() === ''}>
          Go to
        </button>
      </form>
      {(indices.data ?? []).length > 0 && (
        <IndexForm
          channel={whole}
          ids={(indices.data ?? []).map(({ id }) => id)}
          index={index}
          value={value}
        />
      )}
      {(isTyped || index !== undefined) && (
        <a class="button quiet" href={channelHref(whole)}>
          Show all
        </a>
      )}
    </div>
  );
}

interface IndexFormProps {
  readonly channel: string;
  readonly ids: readonly string[];
  readonly index: string | undefined;
  readonly value: string | undefined;
}

function IndexForm({ channel, ids, index, value }: IndexFormProps) {
  const [id, setId] = useState(index ?? ids[0] ?? '');
  const [text, setText] = useState(value ?? '');
  const submit = (event: Event) => {
    event.preventDefault();
    go(href(['channels', channel], { index: id, value: text }));
  };
  return (
    <form class="joined" onSubmit={submit}>
      <select aria-label="Index" value={id} onChange={(event) => setId(event.currentTarget.value)}>
        {ids.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <input
        aria-label="Value of the index"
        placeholder="Value"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={text === ''}>
        Find
      </button>
    </form>
  );
}

/** @throws RangeError if the text is neither an id nor a time, or nothing is there */
async function idOf(channel: string, text: string): Promise<number> {
  const found = await findMoment(channel, text);
  if ('lastId' in found && found.after >= found.lastId) {
    throw new RangeError('There is no event at that time or after it.');
  }
  return found.after + 1;
}
