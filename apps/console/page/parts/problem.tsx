import { messageOf } from '../api/request.js';

/** That something could not be read, and why; nothing if there is no error. */
export function Problem({ error }: { readonly error: unknown }) {
  if (error === undefined) return null;
  return (
    <p class="problem" role="alert">
      {messageOf(error)}
    </p>
  );
}
