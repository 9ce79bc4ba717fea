import { dismiss, notices } from '../state/notices.js';

/** What was done a moment ago, said to those who listen too. */
export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map(({ id, text, kind }) => (
        <div key={id} class={`notice ${kind}`}>
          <span>{text}</span>
          <button type="button" class="quiet icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
