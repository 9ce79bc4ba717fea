import { ApiError, messageOf } from '../api/request.js';
import { isConnected } from '../state/connection.js';

/** That something could not be read, and why; nothing if there is no error, or if it is what the whole page says: that the server is away. */
export function Problem({ error }: { readonly error: unknown }) {
  if (error === undefined || (!isConnected.value && !(error instanceof ApiError))) return null;
  return (
    <p class="problem" role="alert">
      {messageOf(error)}
    </p>
  );
}
