import { useState } from 'preact/hooks';
import { redact, type Event as StoredEvent } from '../api/events-api.js';
import { formatFullTime } from '../format.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { JsonTree } from '../parts/json-tree.js';
import { Ago } from '../parts/times.js';
import { wholeOf } from '../state/channel-name.js';
import { notify } from '../state/notices.js';
import { rights } from '../state/session.js';

interface EventDetailProps {
  /** The channel name, perhaps with a type. */
  readonly channel: string;
  readonly event: StoredEvent;
  onClose(): void;
  onRedacted(id: number): void;
}

/** All of one event. */
export function EventDetail({ channel, event, onClose, onRedacted }: EventDetailProps) {
  const [isRedacting, setIsRedacting] = useState(false);
  const { id, timestamp, type, from, data, metadata, redacted } = event;
  const whole = wholeOf(channel);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(JSON.stringify(event, null, 2));
      notify(`Event ${id} is in the clipboard.`);
    } catch {
      notify('The browser does not let this page use the clipboard.', 'failed');
    }
  };
  return (
    <section
      class="panel detail"
      aria-label={`Event ${id}`}
      onKeyDown={({ key, defaultPrevented }) => {
        if (key === 'Escape' && !defaultPrevented && !isRedacting) onClose();
      }}
    >
      <header>
        <h2 tabIndex={-1}>Event {id}</h2>
        <span class="grow" />
        <button type="button" class="quiet" onClick={copy}>
          Copy
        </button>
        {!redacted && rights.value.may('manage', whole) && (
          <button type="button" class="quiet danger-text" onClick={() => setIsRedacting(true)}>
            Redact …
          </button>
        )}
        <button type="button" class="quiet icon" aria-label="Close the event" onClick={onClose}>
          ✕
        </button>
      </header>
      <dl class="facts">
        <dt>Type</dt>
        <dd>{type}</dd>
        <dt>From</dt>
        <dd>{from}</dd>
        <dt>Time</dt>
        <dd>
          {formatFullTime(timestamp)} <span class="muted">({timestamp})</span>, <Ago at={timestamp} />
        </dd>
        {Object.entries(metadata ?? {}).map(([name, text]) => (
          <>
            <dt class="mono">{name}</dt>
            <dd class="mono">{text}</dd>
          </>
        ))}
      </dl>
      {redacted ? (
        <p class="muted">What it held was redacted.</p>
      ) : data === undefined ? (
        <p class="muted">Without data.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <section class="json" aria-label="Data" tabIndex={0}>
          <JsonTree key={id} value={data} />
        </section>
      )}
      {isRedacting && (
        <ActionDialog
          title={`Redact event ${id}`}
          action={`Redact event ${id}`}
          isDangerous
          typed={String(id)}
          run={async () => {
            await redact(whole, [id]);
            onRedacted(id);
            return `Event ${id} was redacted.`;
          }}
          onClose={() => setIsRedacting(false)}
        >
          <p>
            Its data and metadata are taken out of the store, its indices and the memory of every server, and
            cannot be brought back. Id, time, type and sender stay. Consumers that have read it already keep
            what they have.
          </p>
        </ActionDialog>
      )}
    </section>
  );
}
