import { useEffect, useState } from 'preact/hooks';
import { latest, publish } from '../api/events-api.js';
import { ActionDialog } from '../parts/action-dialog.js';
import { wholeOf } from '../state/channel-name.js';
import { rights } from '../state/session.js';

/** Publishes an event; what is in the form at first is that of the last one. */
export function SendForm({ channel, onClose }: { readonly channel: string; onClose(): void }) {
  const whole = wholeOf(channel);
  const [type, setType] = useState(channel === whole ? '' : channel.slice(whole.length + 1));
  const [from, setFrom] = useState('console');
  const [data, setData] = useState('{}');
  const [metadata, setMetadata] = useState('');

  useEffect(() => {
    if (!rights.peek().may('read', channel)) return;
    latest({ channel, limit: 1 }).then(
      ({ events: [last] }) => {
        if (last === undefined) return;
        setType(last.type);
        if (last.data !== undefined) setData(JSON.stringify(last.data, null, 2));
        // The trace is that of who has sent it.
        const { traceparent, tracestate, ...metadata } = last.metadata ?? {};
        if (Object.keys(metadata).length > 0) setMetadata(JSON.stringify(metadata, null, 2));
      },
      () => undefined,
    );
  }, []);

  const dataProblem = problemOf(data, 'an object or an array');
  const metadataProblem = problemOf(metadata, 'an object of texts');
  return (
    <ActionDialog
      title={`Send an event to ${whole}`}
      action="Send"
      isReady={type !== '' && from !== '' && dataProblem === '' && metadataProblem === ''}
      run={async () => {
        const { id } = await publish(rights.peek().clientIdFor('publish', channel), whole, {
          from,
          type,
          ...(data.trim() !== '' && { data: JSON.parse(data) }),
          ...(metadata.trim() !== '' && { metadata: JSON.parse(metadata) }),
        });
        return `Event ${id} was published to ${whole}.`;
      }}
      onClose={onClose}
    >
      <div class="two">
        <Field label="Type" value={type} change={setType} />
        <Field label="From" value={from} change={setFrom} />
      </div>
      <JsonField label="Data" rows={9} value={data} change={setData} problem={dataProblem} />
      <JsonField label="Metadata" rows={2} value={metadata} change={setMetadata} problem={metadataProblem} />
      <p class="muted small">Every consumer of the channel gets it, as any other event.</p>
    </ActionDialog>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  change(value: string): void;
}

function Field({ label, value, change }: FieldProps) {
  return (
    <label class="field">
      {label}
      <input
        required
        autocomplete="off"
        value={value}
        onInput={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

interface JsonFieldProps extends FieldProps {
  readonly rows: number;
  readonly problem: string;
}

function JsonField({ label, rows, value, change, problem }: JsonFieldProps) {
  const id = `send-${label.toLowerCase()}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="mono"
        rows={rows}
        spellcheck={false}
        aria-invalid={problem !== ''}
        aria-describedby={`${id}-problem`}
        value={value}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <small id={`${id}-problem`} class="danger-text">
        {problem}
      </small>
    </div>
  );
}

/** Why a text is not the JSON that is expected; empty if it is, or if there is none. */
function problemOf(text: string, expected: string): string {
  if (text.trim() === '') return '';
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? '' : `Expected ${expected}.`;
  } catch (error) {
    return `Expected ${expected}: ${(error as Error).message}`;
  }
}
