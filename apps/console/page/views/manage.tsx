import { useState } from 'preact/hooks';
import { type ChannelState, deleteChannel, trim } from '../api/events-api.js';
import { messageOf } from '../api/request.js';
import { count, formatNumber } from '../format.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { findMoment } from '../state/moment.js';
import { go, href } from '../state/route.js';

interface ManageProps {
  readonly channel: string;
  readonly bounds: ChannelState | undefined;
  reload(): void;
}

/** What can be taken away of a channel. */
export function Manage({ channel, bounds, reload }: ManageProps) {
  const { firstId = 0, lastId = 0 } = bounds ?? {};
  const [before, setBefore] = useState('');
  const [problem, setProblem] = useState('');
  /** The first id that stays. */
  const [trimming, setTrimming] = useState<number | undefined>(undefined);
  const [isDeleting, setIsDeleting] = useState(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    setProblem('');
    try {
      setTrimming((await findMoment(channel, before)).after + 1);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const dropped = firstId === 0 ? 0 : Math.max(Math.min(trimming ?? 0, lastId + 1) - firstId, 0);
  const kept = firstId === 0 ? 0 : lastId - firstId + 1;
  return (
    <>
      <section class="panel" aria-labelledby="trim">
        <h2 id="trim">Drop old events</h2>
        <form class="toolbar" onSubmit={submit}>
          <label class="inline">
            Those before{' '}
            <input
              placeholder="Id, or 2026-11-28 16:00"
              autocomplete="off"
              value={before}
              onInput={(event) => setBefore(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="danger" disabled={before.trim() === ''}>
            Drop …
          </button>
        </form>
        {problem !== '' && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </section>
      <section class="panel" aria-labelledby="delete">
        <h2 id="delete">Delete the channel</h2>
        <p>With its {count(kept, 'event')}, cursors, groups and indices. Ids go on if it is used again.</p>
        <button type="button" class="danger" onClick={() => setIsDeleting(true)}>
          Delete …
        </button>
      </section>
      {trimming !== undefined && (
        <ActionDialog
          title={`Drop ${count(dropped, 'event')}`}
          action={`Drop ${count(dropped, 'event')}`}
          isDangerous
          isReady={dropped > 0}
          typed={channel}
          run={async () => {
            const answer = await trim(channel, trimming);
            reload();
            return `${channel} begins with event ${formatNumber(answer.firstId)} now.`;
          }}
          onClose={() => setTrimming(undefined)}
        >
          {dropped > 0 ? (
            <p>
              {formatNumber(firstId)} to {formatNumber(firstId + dropped - 1)}, of {formatNumber(kept)}: they
              are gone for good, also for consumers that have not read them.
            </p>
          ) : (
            <p>Nothing is that old: the oldest event that is kept is {formatNumber(firstId)}.</p>
          )}
        </ActionDialog>
      )}
      {isDeleting && (
        <ActionDialog
          title={`Delete ${channel}`}
          action="Delete the channel"
          isDangerous
          typed={channel}
          run={async () => {
            await deleteChannel(channel);
            go(href(['channels']));
            return `${channel} is gone.`;
          }}
          onClose={() => setIsDeleting(false)}
        >
          <p>
            {count(kept, 'event')} and all cursors, groups and indices of <code>{channel}</code> are gone for
            good. Its consumers begin anew.
          </p>
        </ActionDialog>
      )}
    </>
  );
}
