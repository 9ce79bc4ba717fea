import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { messageOf } from '../api/request.js';
import { notify } from '../state/notices.js';
import { Dialog } from './dialog.js';

interface ActionDialogProps {
  readonly title: string;
  /** What the button says: a verb and what it is done to. */
  readonly action: string;
  readonly isDangerous?: boolean;
  /** What has to be typed before it can be done; undefined: nothing. */
  readonly typed?: string | undefined;
  readonly isReady?: boolean;
  readonly children?: ComponentChildren;
  /** Does it; resolves with what was done, in words. */
  run(): Promise<string>;
  onClose(): void;
}

/** Asks before something is done, says what it will do, and stays open with the reason if it fails. */
export function ActionDialog(props: ActionDialogProps) {
  const { title, action, isDangerous = false, typed, isReady = true, children, run, onClose } = props;
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  const [isRunning, setIsRunning] = useState(false);
  const field = useId();

  const submit = async (event: Event) => {
    event.preventDefault();
    setIsRunning(true);
    setError('');
    try {
      notify(await run());
      onClose();
    } catch (reason) {
      setError(messageOf(reason));
      setIsRunning(false);
    }
  };
  const mayRun = isReady && !isRunning && (typed === undefined || text === typed);
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        {children}
        {typed !== undefined && (
          <div class="field">
            <label for={field}>
              Type <code>{typed}</code> to confirm
            </label>
            <input
              id={field}
              class="mono"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </div>
        )}
        {error !== '' && (
          <p class="problem" role="alert">
            {error}
          </p>
        )}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={!mayRun}>
            {isRunning ? 'One moment …' : action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
