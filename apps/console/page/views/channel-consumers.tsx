import { useState } from 'preact/hooks';
import {
  type ChannelState,
  type ConsumerState,
  deleteConsumer,
  findCursor,
  listConsumers,
  listGroups,
  moveCursor,
} from '../api/events-api.js';
import { messageOf } from '../api/request.js';
import { count, formatNumber } from '../format.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { ConsumerTable } from '../parts/consumer-table.js';
import { GroupTable } from '../parts/group-table.js';
import { Problem } from '../parts/problem.js';
import { rights } from '../state/session.js';
import { note } from '../state/survey.js';
import { timeOf } from '../state/time-of.js';
import { usePolled } from '../state/use-polled.js';

const EVERY_MS = 2_000;

interface ChannelConsumersProps {
  readonly channel: string;
  readonly bounds: ChannelState | undefined;
}

/** Who reads a channel, and what can be done about it. */
export function ChannelConsumers({ channel, bounds }: ChannelConsumersProps) {
  const [moving, setMoving] = useState<ConsumerState | undefined>(undefined);
  const [forgetting, setForgetting] = useState<ConsumerState | undefined>(undefined);
  const { data, error, reload } = usePolled(
    async (signal) => {
      const [states, groups] = await Promise.all([
        listConsumers(channel, signal),
        listGroups(channel, signal),
      ]);
      for (const state of states) note(state);
      return { consumers: states.filter(({ group }) => group === undefined), groups };
    },
    EVERY_MS,
    [channel],
  );
  if (data === undefined)
    return error === undefined ? <p class="muted">Reading …</p> : <Problem error={error} />;
  return (
    <>
      <Problem error={error} />
      <section class="panel" aria-labelledby="groups">
        <h2 id="groups">Groups of workers</h2>
        {data.groups.length === 0 ? (
          <p class="muted">None.</p>
        ) : (
          <GroupTable label="Groups" groups={data.groups} />
        )}
      </section>
      <section class="panel" aria-labelledby="consumers">
        <h2 id="consumers">Consumers</h2>
        {data.consumers.length === 0 ? (
          <p class="muted">None: a consumer is here once it has acknowledged something.</p>
        ) : (
          <ConsumerTable
            label="Consumers"
            consumers={data.consumers}
            boundsOf={() => bounds}
            actions={(consumer) => (
              <>
                {rights.value.may('read', consumer.channel, consumer) && (
                  <button type="button" class="quiet" onClick={() => setMoving(consumer)}>
                    Move …
                  </button>
                )}
                {rights.value.may('manage', consumer.channel, consumer) && (
                  <button type="button" class="quiet danger-text" onClick={() => setForgetting(consumer)}>
                    Forget …
                  </button>
                )}
              </>
            )}
          />
        )}
      </section>
      {moving !== undefined && (
        <MoveCursor consumer={moving} bounds={bounds} onMoved={reload} onClose={() => setMoving(undefined)} />
      )}
      {forgetting !== undefined && (
        <ActionDialog
          title={`Forget ${forgetting.clientId}`}
          action="Forget this consumer"
          isDangerous
          typed={forgetting.clientId}
          run={async () => {
            await deleteConsumer(forgetting.channel, forgetting.clientId ?? '');
            reload();
            return `The cursor of ${forgetting.clientId} on ${forgetting.channel} is gone.`;
          }}
          onClose={() => setForgetting(undefined)}
        >
          <p>
            Its cursor on <code>{forgetting.channel}</code> is deleted. If it reads again without telling
            where, it begins anew, with the first event that is kept or where its <code>start</code> says.
          </p>
        </ActionDialog>
      )}
    </>
  );
}

interface MoveCursorProps {
  readonly consumer: ConsumerState;
  readonly bounds: ChannelState | undefined;
  onMoved(): void;
  onClose(): void;
}

function MoveCursor({ consumer, bounds, onMoved, onClose }: MoveCursorProps) {
  const { clientId = '', channel, after } = consumer;
  const { firstId = 0, lastId = 0 } = bounds ?? {};
  const [text, setText] = useState(String(after));
  const target = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  const isValid = target !== undefined && target <= lastId;
  return (
    <ActionDialog
      title={`Move the cursor of ${clientId}`}
      action="Move the cursor"
      isReady={isValid && target !== after}
      run={async () => {
        await moveCursor(clientId, channel, target ?? after);
        onMoved();
        return `The cursor of ${clientId} is at ${formatNumber(target ?? after)}.`;
      }}
      onClose={onClose}
    >
      <p>
        On <code>{channel}</code>; it is at {formatNumber(after)}, the newest event is {formatNumber(lastId)}.
      </p>
      <label class="field">
        It has seen everything up to id
        <input
          class="mono"
          inputMode="numeric"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <div class="presets">
        <button type="button" onClick={() => setText(String(Math.max(firstId - 1, 0)))}>
          Before the first
        </button>
        <button type="button" onClick={() => setText(String(lastId))}>
          Behind the newest
        </button>
      </div>
      <AtTime channel={channel} choose={(id) => setText(String(id))} />
      <p class="consequence" role="status">
        {consequenceOf(after, target, firstId, lastId)}
      </p>
      <p class="muted small">
        If it runs now its next acknowledgement may move the cursor again: stop it first, or have it
        restarted.
      </p>
    </ActionDialog>
  );
}

/** Finds the cursor in front of what was published at a time or after it. */
function AtTime({ channel, choose }: { readonly channel: string; choose(after: number): void }) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const find = async () => {
    setProblem('');
    try {
      const time = timeOf(text.trim(), new Date());
      if (Number.isNaN(time)) throw new RangeError('Expected a time such as 16:00 or 2026-11-28 16:00.');
      choose((await findCursor(channel, time)).after);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <div class="field">
      <div class="joined">
        <input
          aria-label="A time"
          placeholder="16:00, or 2026-11-28 16:00"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            // Not yet what the dialog is for.
            event.preventDefault();
            void find();
          }}
        />
        <button type="button" disabled={text.trim() === ''} onClick={() => void find()}>
          At this time
        </button>
      </div>
      <small class="danger-text" role="alert">
        {problem}
      </small>
    </div>
  );
}

/** What follows from a move, in words. Ids are those of the whole channel: of one type there may be fewer events. */
function consequenceOf(after: number, target: number | undefined, firstId: number, lastId: number): string {
  if (target === undefined) return 'Expected an id: 0, or a positive integer.';
  if (target > lastId) return `The newest event is ${formatNumber(lastId)}: no cursor can be beyond it.`;
  if (target === after) return 'It is there already.';
  const from = Math.max(Math.min(target, after) + 1, firstId);
  const to = Math.max(target, after);
  const ids = from > to ? 'none that is kept' : `${formatNumber(from)} to ${formatNumber(to)}`;
  const events = count(Math.max(to - from + 1, 0), 'event');
  if (target < after) return `Back: it gets ${events} again (${ids}), so what they cause may happen twice.`;
  return `Forward: ${events} will be skipped (${ids}), and it will never see them.`;
}
