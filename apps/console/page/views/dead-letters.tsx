import { useState } from 'preact/hooks';
import { type GroupState, latest, redrive, type Event as StoredEvent } from '../api/events-api.js';
import { count, formatDuration, formatNumber } from '../format.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { JsonTree } from '../parts/json-tree.js';
import { Problem } from '../parts/problem.js';
import { Ago } from '../parts/times.js';
import { deadLettersOf, wholeOf } from '../state/channel-name.js';
import { preview } from '../state/event-text.js';
import { channelHref, href } from '../state/route.js';
import { rights } from '../state/session.js';
import { usePolled } from '../state/use-polled.js';

const EVERY_MS = 5_000;
/** The dead letters that are looked at, the newest. */
const LIMIT = 500;
/** Of one request. */
const MOST_REDRIVEN = 1_000;

/** The data of a dead letter, as far as it is known to be there. */
interface DeadLetterData {
  readonly event?: Partial<StoredEvent> & { readonly id: number };
  readonly group?: string;
  readonly channel?: string;
  readonly count?: number;
  readonly reason?: string;
  readonly firstDeliveredAt?: number;
  readonly endedAt?: number;
  readonly clientId?: string;
  readonly deliveries?: readonly EndedDelivery[];
}

interface EndedDelivery {
  readonly deliveredAt?: number;
  readonly endedAt: number;
  readonly clientId: string;
  readonly outcome: string;
  readonly reason?: string;
}

/** An event that was given up, with each time that this happened, the last one first. */
interface DeadLetter {
  readonly id: number;
  readonly turns: readonly DeadLetterData[];
}

interface DeadLettersProps {
  readonly state: GroupState;
  onRedriven(): void;
}

/** The events that a group has given up, and why; they can be handed out again. */
export function DeadLetters({ state, onRedriven }: DeadLettersProps) {
  const { channel, group, deadLetters: waiting } = state;
  const place = deadLettersOf(state);
  const isKept = place !== 'none' && rights.value.may('read', place);
  const { data, error, reload } = usePolled(
    async (signal) =>
      isKept ? lettersOf((await latest({ channel: place, limit: LIMIT }, signal)).events, state) : [],
    EVERY_MS,
    [place, channel, group, isKept, waiting],
  );
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  /** Ids of events, or how many of the oldest. */
  const [asked, setAsked] = useState<{ ids: number[] } | { limit: number } | undefined>(undefined);
  /** Handed out again from here, and not given up since: by the time of their last turn. */
  const [redriven, setRedriven] = useState<ReadonlyMap<number, number | undefined>>(new Map());
  const mayRedrive = rights.value.may('manage', channel);
  const letters = (data ?? []).filter(
    ({ id, turns }) => !redriven.has(id) || redriven.get(id) !== turns[0]?.endedAt,
  );
  const toggle = (id: number) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const done = (ids: readonly number[]) => {
    const endedAt = new Map((data ?? []).map(({ id, turns }) => [id, turns[0]?.endedAt]));
    setRedriven(new Map([...redriven, ...ids.map((id) => [id, endedAt.get(id)] as const)]));
    setChosen(new Set());
    onRedriven();
    reload();
  };
  const selected = letters.filter(({ id }) => chosen.has(id)).map(({ id }) => id);
  return (
    <section class="panel" aria-labelledby="dead-letters">
      <div class="title-row">
        <h2 id="dead-letters">Dead letters</h2>
        <span class="muted">{waiting === 0 ? 'None waiting' : `${formatNumber(waiting)} waiting`}</span>
        <span class="grow" />
        {mayRedrive && waiting > 0 && (
          <>
            {selected.length > 0 && (
              <button type="button" class="primary" onClick={() => setAsked({ ids: selected })}>
                Redrive {formatNumber(selected.length)} …
              </button>
            )}
            <button type="button" onClick={() => setAsked({ limit: waiting })}>
              Redrive all {formatNumber(waiting)} …
            </button>
          </>
        )}
      </div>
      <Problem error={error} />
      {place === 'none' && <p class="muted">This group does not keep them: they are only counted.</p>}
      {waiting === 0 && letters.length > 0 && (
        <p class="muted small">Those below were redriven, or dropped; their letters stay in {place}.</p>
      )}
      {waiting > 0 && waiting < letters.length && (
        <p class="muted small">
          {formatNumber(waiting)} of the {formatNumber(letters.length)} below{' '}
          {waiting === 1 ? 'waits' : 'wait'}; the others were redriven before.
        </p>
      )}
      {letters.length > 0 && (
        <ul class="letters">
          {letters.map((letter) => (
            <Letter
              key={letter.id}
              letter={letter}
              place={place}
              channel={channel}
              isChosen={chosen.has(letter.id)}
              toggle={mayRedrive && waiting > 0 ? () => toggle(letter.id) : undefined}
              redriveIt={() => setAsked({ ids: [letter.id] })}
            />
          ))}
        </ul>
      )}
      {asked !== undefined && (
        <RedriveDialog state={state} which={asked} onDone={done} onClose={() => setAsked(undefined)} />
      )}
    </section>
  );
}

interface LetterProps {
  readonly letter: DeadLetter;
  readonly place: string;
  readonly channel: string;
  readonly isChosen: boolean;
  /** Undefined: it cannot be handed out again. */
  readonly toggle: (() => void) | undefined;
  redriveIt(): void;
}

function Letter({ letter: { id, turns }, place, channel, isChosen, toggle, redriveIt }: LetterProps) {
  const [last, ...before] = turns;
  const { event, deliveries = [] } = last ?? {};
  return (
    <li>
      <div class="letter">
        {toggle !== undefined && (
          <input type="checkbox" aria-label={`Choose event ${id}`} checked={isChosen} onChange={toggle} />
        )}
        <div class="grow">
          <div>
            <a href={href(['channels', wholeOf(channel)], { id: String(id) })}>Event {id}</a>{' '}
            <span>{event?.type}</span>{' '}
            <span class="muted">
              given up <Ago at={last?.endedAt} />
            </span>
          </div>
          <div class="reason">{last?.reason ?? 'No reason was given.'}</div>
          <details>
            <summary>
              {count(last?.count ?? 0, 'delivery', 'deliveries')}, <code>{preview(event?.data)}</code>
            </summary>
            <dl class="facts">
              <dt>First delivered</dt>
              <dd>
                <Ago at={last?.firstDeliveredAt} />
                {last?.endedAt !== undefined && last.firstDeliveredAt !== undefined && (
                  <>, tried for {formatDuration(last.endedAt - last.firstDeliveredAt)}</>
                )}
              </dd>
              <dt>Last worker</dt>
              <dd>{last?.clientId ?? '–'}</dd>
              {deliveries.map((delivery, i) => (
                <DeliveryFact number={(last?.count ?? 0) - deliveries.length + i + 1} delivery={delivery} />
              ))}
              {before.map((turn) => (
                <>
                  <dt>Before</dt>
                  <dd>
                    <Ago at={turn.endedAt} />: {turn.reason}
                  </dd>
                </>
              ))}
            </dl>
            {event?.data !== undefined && (
              <div class="json">
                <JsonTree value={event.data} />
              </div>
            )}
            <p class="small">
              <a href={channelHref(place)}>All letters in {place}</a>
            </p>
          </details>
        </div>
        {toggle !== undefined && (
          <button type="button" onClick={redriveIt}>
            Redrive …
          </button>
        )}
      </div>
    </li>
  );
}

const OUTCOMES: Readonly<Record<string, string>> = { 'lease-ended': 'its lease ended' };

interface DeliveryFactProps {
  /** Which one of the event it was, from 1. */
  readonly number: number;
  readonly delivery: EndedDelivery;
}

function DeliveryFact({ number, delivery }: DeliveryFactProps) {
  const { deliveredAt, endedAt, clientId, outcome, reason } = delivery;
  return (
    <>
      <dt>Delivery {number}</dt>
      <dd>
        <Ago at={endedAt} />: {OUTCOMES[outcome] ?? outcome} at {clientId}
        {deliveredAt !== undefined && <> after {formatDuration(endedAt - deliveredAt)}</>}
        {reason !== undefined && <>: {reason}</>}
      </dd>
    </>
  );
}

interface RedriveDialogProps {
  readonly state: GroupState;
  readonly which: { ids: number[] } | { limit: number };
  onDone(ids: readonly number[]): void;
  onClose(): void;
}

function RedriveDialog({ state: { channel, group, settings }, which, onDone, onClose }: RedriveDialogProps) {
  const total = 'ids' in which ? which.ids.length : which.limit;
  const what = count(total, 'dead letter');
  return (
    <ActionDialog
      title={`Redrive ${what}`}
      action={`Redrive ${what}`}
      run={async () => {
        const ids = await redriveAll(channel, group, which);
        onDone(ids);
        const others = total - ids.length;
        const more = others > 0 ? ` ${count(others, 'other')} did not wait any more.` : '';
        return `${count(ids.length, 'event')} will be handed out again to the workers of ${group}.${more}`;
      }}
      onClose={onClose}
    >
      <p>
        {total === 1 ? 'The event is' : 'The events are'} handed out again to the workers of{' '}
        <code>{group}</code> on <code>{channel}</code>, as if that had never been done: up to{' '}
        {count(settings.maxDeliveries ?? 0, 'delivery', 'deliveries')} each. If what made them fail is still
        there they come back here.
      </p>
    </ActionDialog>
  );
}

/** In as many requests as are needed. Resolves with the ids of the events. */
async function redriveAll(
  channel: string,
  group: string,
  which: { ids: number[] } | { limit: number },
): Promise<number[]> {
  if ('ids' in which) return redrive(channel, group, which);
  const all: number[] = [];
  while (all.length < which.limit) {
    const ids = await redrive(channel, group, { limit: Math.min(which.limit - all.length, MOST_REDRIVEN) });
    if (ids.length === 0) break;
    all.push(...ids);
  }
  return all;
}

/** What a group has given up, by event, the newest first. */
function lettersOf(events: readonly StoredEvent[], { group, channel }: GroupState): DeadLetter[] {
  const byId = new Map<number, DeadLetterData[]>();
  for (const { data } of events) {
    const letter = (data ?? {}) as DeadLetterData;
    if (letter.group !== group || letter.channel !== channel || letter.event === undefined) continue;
    const turns = byId.get(letter.event.id);
    if (turns === undefined) byId.set(letter.event.id, [letter]);
    else turns.push(letter);
  }
  return [...byId].map(([id, turns]) => ({ id, turns }));
}
